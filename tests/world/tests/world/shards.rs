//! Runs of nodes that share shards. `NOLEADER_SHARD_SEEDS=n` sets the number of fresh seeds.

use noleader_world::{
    Source,
    shards::{Plan, report, run, run_all, survey},
};

/// A few seconds of runs.
const SEEDS: u64 = if cfg!(debug_assertions) { 100 } else { 2_000 };

fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|n| n.parse().expect("a number"))
}

#[test]
fn fresh_shard_seeds_pass() {
    let count = number("NOLEADER_SHARD_SEEDS").unwrap_or(SEEDS);
    let first = number("NOLEADER_FIRST_SEED").unwrap_or_else(super::fresh_seed);
    eprintln!("shards: {count} seeds from {first}");
    let tally = run_all(first, count);
    eprintln!("shards: {tally:?}");
    if count >= 100 {
        tally.all_happened();
    }
}

/// `NOLEADER_SEED=n cargo test -p noleader-world shards::replay -- --nocapture` runs one seed and prints its trace.
#[test]
fn replay() {
    let Some(seed) = number("NOLEADER_SEED") else {
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
