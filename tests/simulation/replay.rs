//! `NOLEADER_SEED=n cargo test --test simulation replay -- --nocapture` runs one seed and shows all of it.

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
    let world = run.world.expect("a world");
    println!(
        "{}seed {seed} ({plan:?}) holds",
        world.trace.tail(usize::MAX)
    );
}

/// The same seed gives the same run, to the last line.
#[test]
fn a_run_follows_from_its_seed() {
    for seed in 0..16 {
        let trace = || {
            let world = run(seed, Plan::of(seed), Trace::kept()).world;
            world.map(|world| world.trace.tail(usize::MAX))
        };
        let first = trace();
        assert!(first.as_ref().is_some_and(|trace| trace.len() > 1_000));
        assert_eq!(first, trace(), "seed {seed}");
    }
}
