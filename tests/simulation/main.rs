//! The protocol under a deterministic scheduler. Real is the code of `src/lease` and `fencing::Fenced`. The gate,
//! the deadlines and the background task are written anew here, after the rules of `src/task`, so that nothing
//! is shown of that code: its own tests are in `src/task/interleavings`. The store and the network do all that
//! they may do, and the clocks differ.
//!
//! - `world`, `queue`, `clock`: the scheduler; `plan`, `settings`: what a run is made of.
//! - `node`, `turn`, `gate`, `term`: a process, rewritten by the rules of `src/task`.
//! - `server`, `network`, `trouble`, `hold_up`, `expiry`, `loss`: what goes wrong; `finale`: what must be so once nothing does.
//! - `fact`, `invariants`: what must hold, one file for each; `outside`, `storage`: what need not.
//! - `runner`, `replay`, `seeds`, `tally`, `trace`, `show`: many runs, and one again.
//!
//! Everything in a run follows from its seed. `NOLEADER_SEEDS=n` says how many are run, and
//! `NOLEADER_FIRST_SEED=n` from where on; without it, from anywhere. `.ci/simulate` runs 20,000, optimized, in a
//! crate of their own (`standalone`) that builds in seconds; so a core does 70,000 a minute or more.

mod clock;
mod expiry;
mod fact;
mod finale;
mod gate;
mod hold_up;
mod invariants;
mod loss;
mod network;
mod node;
mod outside;
mod plan;
mod queue;
mod replay;
mod runner;
mod seeds;
mod server;
mod settings;
mod show;
mod storage;
mod tally;
mod term;
mod trace;
mod trouble;
mod turn;
mod world;

use std::hash::{BuildHasher, RandomState};

use self::plan::Plan;

/// As many as take some seconds; without optimization these are fewer.
const SEEDS: u64 = if cfg!(debug_assertions) {
    2_000
} else {
    20_000
};

#[test]
fn fresh_seeds_hold() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|n| n.parse().expect("a number"))
    };
    let count = number("NOLEADER_SEEDS").unwrap_or(SEEDS);
    // Its keys come from the operating system.
    let fresh = || RandomState::new().hash_one(0) >> 16;
    let first = number("NOLEADER_FIRST_SEED").unwrap_or_else(fresh);
    eprintln!("simulation: {count} seeds from {first}");
    let tally = runner::run_all(first, count, Plan::of);
    eprintln!("simulation: {tally:?}");
    if count >= 1_000 {
        tally.all_happened(count);
    }
}
