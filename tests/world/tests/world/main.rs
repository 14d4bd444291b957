//! Runs of the world.
//!
//! `NOLEADER_SEEDS=n` sets the number of fresh seeds, and `NOLEADER_FIRST_SEED=n` the first one, which is random by
//! default. `.ci/simulate` runs 20,000 of them, optimized, and the tests that `cargo test` ignores.

mod outside;
mod replay;
mod seeds;
mod shards;

use std::hash::{BuildHasher, RandomState};

use noleader_world::run_all;

/// Some seconds of runs that are not optimized.
const SEEDS: u64 = 300;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// Its keys come from the operating system.
fn fresh_seed() -> u64 {
    RandomState::new().hash_one(0) >> 16
}

#[test]
fn fresh_seeds_pass() {
    let count = number("NOLEADER_SEEDS").unwrap_or(SEEDS);
    let first = number("NOLEADER_FIRST_SEED").unwrap_or_else(fresh_seed);
    eprintln!("world: {count} seeds from {first}");
    let tally = run_all(first, count);
    eprintln!("world: {tally:?}");
    if count >= 1_000 {
        tally.all_happened(count);
    }
}
