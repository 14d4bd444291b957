//! Outside the assumptions the promise of one gate ends, and the simulation has to notice. A storage that
//! checks tokens is protected all the same.

use crate::{plan::Plan, runner::run, trace::Trace};

/// Among so many seeds two gates must be open at once.
const SEEDS: u64 = 500;

/// Runs seeds under `plan`: how many have two open gates, and how many writes the storage refused.
fn run_outside(plan: Plan) -> (u64, u64) {
    let (mut overlaps, mut refused) = (0, 0);
    for seed in 0..SEEDS {
        let run = run(seed, plan, Trace::default());
        let violation = run.violation.map(|violation| violation.invariant);
        overlaps += u64::from(violation == Some("g1_one_gate"));
        let world = run.world.expect("a world");
        assert!(
            world.storage.read().is_sorted(),
            "seed {seed}: the storage took a smaller token after a larger one"
        );
        refused += world.refused;
    }
    println!("{plan:?}: two gates in {overlaps} of {SEEDS} runs, {refused} writes refused");
    (overlaps, refused)
}

#[test]
fn clocks_outside_the_bound_open_two_gates_and_fencing_protects() {
    let (overlaps, refused) = run_outside(Plan::WildClocks);
    assert!(overlaps > 0, "no two gates in {SEEDS} runs");
    assert!(refused > 0, "nothing was refused in {SEEDS} runs");
}

#[test]
fn a_store_that_loses_writes_opens_two_gates_and_fencing_protects() {
    let (overlaps, refused) = run_outside(Plan::RolledBack);
    assert!(overlaps > 0, "no two gates in {SEEDS} runs");
    assert!(refused > 0, "nothing was refused in {SEEDS} runs");
}
