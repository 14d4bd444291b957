//! Runs of nodes that share shards. `NOLEADER_SHARD_SEEDS=n` sets the number of fresh seeds.

use super::number;
use noleader_world::{
    Source,
    shards::{Plan, report, run, run_all, survey},
};

/// Some seconds of runs that are not optimized. `.ci/simulate` runs more.
const SEEDS: u64 = 40;

/// Enough runs outside the assumptions. Only `.ci/simulate` runs them, optimized.
const LOST: u64 = 1_000;

#[test]
fn fresh_shard_seeds_pass() {
    let count = number("NOLEADER_SHARD_SEEDS").unwrap_or(SEEDS);
    let first = number("NOLEADER_FIRST_SEED").unwrap_or_else(super::fresh_seed);
    eprintln!("shards: {count} seeds from {first}");
    let tally = run_all(first, count);
    eprintln!("shards: {tally:?}");
    if count >= 2_000 {
        tally.all_happened();
    }
}

/// `NOLEADER_SHARD_SEED=n cargo test -p noleader-world shards::replay -- --nocapture` runs one seed and prints its trace.
#[test]
fn replay() {
    let Some(seed) = number("NOLEADER_SHARD_SEED") else {
        return;
    };
    let plan = Plan::of(seed);
    let outcome = run(Source::Seed(seed), plan, usize::MAX);
    if let Some(violation) = outcome.violations.first() {
        panic!("{}", report(seed, violation, usize::MAX));
    }
    println!("{}seed {seed} ({plan:?}) holds", outcome.trace);
}

/// The same seed gives the same run, to the last line.
#[test]
fn a_run_follows_from_its_seed() {
    for seed in 0..8 {
        let trace = || run(Source::Seed(seed), Plan::of(seed), usize::MAX).trace;
        let first = trace();
        assert!(first.len() > 1_000, "{first}");
        assert_eq!(first, trace(), "seed {seed}");
    }
}

/// With the variable `NOLEADER_SURVEY`, prints which invariants this many seeds violate, and how often.
#[test]
fn violations_are_counted() {
    let Some(count) = number("NOLEADER_SURVEY") else {
        return;
    };
    for (invariant, violated) in survey(number("NOLEADER_FIRST_SEED").unwrap_or(0), count) {
        let (seeds, first, what) = (violated.seeds, violated.first, violated.what);
        println!("{invariant}: {seeds} seeds, first {first}: {what}");
    }
}

/// Outside the assumptions: the server loses its last writes, and two gates are open at once. The tokens contain the
/// time, so that a storage can still distinguish the terms.
#[test]
#[ignore = "slow unless optimized"]
fn tokens_of_shards_grow_although_writes_are_lost() {
    let mut overlaps = 0;
    for seed in 0..LOST {
        let violations = run(Source::Seed(seed), Plan::RolledBack, 0).violations;
        let violated = |name| violations.iter().find(|v| v.invariant == name);
        overlaps += u64::from(violated("one_gate").is_some());
        for name in ["lost_writes", "panic"] {
            assert_eq!(violated(name), None, "seed {seed}");
        }
    }
    println!("two gates in {overlaps} runs");
    assert!(overlaps > 0);
}

/// Outside the assumptions: other clients remove records, and the nodes' wall clocks are wrong. A node that has seen no
/// token of the shard opens it with a smaller one.
#[test]
#[ignore = "slow unless optimized"]
fn tokens_of_shards_shrink_with_wrong_wall_clocks() {
    let shrinks = |seed| {
        let violations = run(Source::Seed(seed), Plan::WrongWallClocks, 0).violations;
        let violated = |name| violations.iter().any(|v| v.invariant == name);
        assert!(!violated("one_gate") && !violated("panic"), "seed {seed}");
        violated("tokens")
    };
    assert!((0..LOST).any(shrinks));
}
