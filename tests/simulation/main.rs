//! The protocol under a deterministic scheduler. The code under test is `src/lease` and `fencing::Fenced`. The gate,
//! the deadlines and the background task are models of `src/task`, so the simulation says nothing about that code; its
//! tests are in `src/task/interleavings`. The store and the network show every allowed behaviour, and the clocks
//! differ.
//!
//! - `world`, `queue`, `clock`: the scheduler; `plan`, `settings`: the kind of run and its settings.
//! - `node`, `turn`, `gate`, `term`: a process, as a model of `src/task`.
//! - `server`, `network`, `trouble`, `hold_up`, `expiry`, `loss`: the server, the network and the faults.
//! - `finale`: what must hold once the faults have stopped.
//! - `fact`, `invariants`: what must hold, one file each; `outside`, `storage`: runs outside the assumptions.
//! - `runner`, `replay`, `seeds`, `tally`, `trace`, `show`: many runs, one run again, and their output.
//!
//! Everything in a run follows from its seed. `NOLEADER_SEEDS=n` sets the number of seeds, and `NOLEADER_FIRST_SEED=n`
//! the first one, which is random by default. `.ci/simulate` runs 20,000 seeds in the optimized package `standalone`,
//! which builds in seconds. One core runs 70,000 seeds per minute or more.

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
fn fresh_seeds_pass() {
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
