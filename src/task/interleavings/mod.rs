//! Threads that share a gate, in every order of their steps. [loom](https://docs.rs/loom) finds the orders,
//! and the values that a memory model weaker than the machine's allows; `.ci/loom` runs it.
//!
//! - `admission`: what is let in, and under which term, while the gate opens and shuts.
//! - `drain`: the end of what was let in.
//! - `expiry`: a deadline that is found passed while its renewal is published.
//! - `told`: what those find who follow the flag, the status and the term's token.
//! - `waiters`: nobody sleeps through a change. One who would wait for ever is reported as a deadlock.
//!
//! `gated` is a gate alone; `node` is the task, the handle and the store, which are driven step by step.

mod admission;
mod drain;
mod expiry;
mod gated;
mod node;
mod published;
mod waiters;

/// How often a thread is stopped where it could go on, at most. More finds nothing new, as far as anybody
/// saw, and takes minutes; `LOOM_MAX_PREEMPTIONS` sets another bound.
const INTERRUPTIONS: usize = 3;

/// Runs `scenario` once for each order.
fn in_every_order(scenario: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = model.preemption_bound.or(Some(INTERRUPTIONS));
    model.check(scenario);
}
