//! Outside the assumptions the promise of one gate ends, and the simulation has to notice. A storage that
//! checks tokens is protected all the same.

use crate::{
    plan::Plan,
    runner::{Run, run},
    trace::Trace,
};

/// Among so many seeds two gates must be open at once.
const SEEDS: u64 = 500;

/// Runs seeds under `plan`: how many have two open gates, and how many writes the storage refused.
fn run_outside(plan: Plan) -> (u64, u64) {
    let (mut overlaps, mut refused) = (0, 0);
    for seed in 0..SEEDS {
        let Run { violation, world } = run(seed, plan, Trace::default());
        let invariant = violation.map(|violation| violation.invariant);
        assert_ne!(invariant, Some("panic"), "seed {seed}");
        overlaps += u64::from(invariant == Some("g1_one_gate"));
        assert!(
            world.storage.read().is_sorted(),
            "seed {seed}: the storage took a smaller token after a larger one"
        );
        refused += world.refused;
    }
    (overlaps, refused)
}

#[test]
fn clocks_outside_the_bound_open_two_gates_and_fencing_protects() {
    let (overlaps, refused) = run_outside(Plan::WildClocks);
    println!("two gates in {overlaps} of {SEEDS} runs; the storage refused {refused} writes");
    assert!(overlaps > 0 && refused > 0);
}

#[test]
fn a_store_that_loses_writes_opens_two_gates_and_fencing_protects() {
    let (overlaps, refused) = run_outside(Plan::RolledBack);
    println!("two gates in {overlaps} of {SEEDS} runs; the storage refused {refused} writes");
    assert!(overlaps > 0 && refused > 0);
}
