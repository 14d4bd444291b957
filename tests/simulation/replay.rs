//! `NOLEADER_SEED=n cargo test --test simulation replay -- --nocapture` runs one seed and prints its trace.

use crate::{
    plan::Plan,
    runner::{report, run},
    trace::Trace,
};

#[test]
fn replay() {
    let Ok(seed) = std::env::var("NOLEADER_SEED") else {
        return;
    };
    let seed: u64 = seed.parse().expect("NOLEADER_SEED is a number");
    let plan = Plan::of(seed);
    let run = run(seed, plan, Trace::kept());
    if let Some(violation) = run.violation {
        panic!("{}", report(seed, plan, 0, &violation, usize::MAX));
    }
    let trace = run.world.trace.tail(usize::MAX);
    println!("{trace}seed {seed} ({plan:?}) holds");
}

/// The same seed gives the same run, to the last line.
#[test]
fn run_follows_from_its_seed() {
    for seed in 0..16 {
        let trace = || {
            let run = run(seed, Plan::of(seed), Trace::kept());
            run.world.trace.tail(usize::MAX)
        };
        let first = trace();
        assert!(first.len() > 1_000, "{first}");
        assert_eq!(first, trace(), "seed {seed}");
    }
}
