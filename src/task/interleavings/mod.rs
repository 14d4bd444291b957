//! Tests of threads that share the gate, in every order of their steps. [loom](https://docs.rs/loom) explores the
//! orders, and the values that a memory model weaker than the machine's allows. Run them with `.ci/loom`.
//!
//! - `admission`: which requests the gate admits, and under which term.
//! - `drain`: a drain ends with the last request.
//! - `expiry`: a deadline that a reader finds passed while its renewal is published.
//! - `published`: the flag, the status and the term's token agree with the gate.
//! - `waiters`: no waiter sleeps through a change. loom reports an endless wait as a deadlock.
//!
//! `gated` is a gate alone. `node` is the task, the handle and the store, driven step by step.

mod admission;
mod drain;
mod expiry;
mod gated;
mod node;
mod published;
mod waiters;

/// How often a thread is preempted at most. A larger bound has found nothing more so far, and takes minutes.
/// `LOOM_MAX_PREEMPTIONS` sets another bound.
const MAX_PREEMPTIONS: usize = 3;

fn in_every_order(scenario: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = model.preemption_bound.or(Some(MAX_PREEMPTIONS));
    model.check(scenario);
}
