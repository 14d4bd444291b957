//! Runs one sequence of choices or many seeds, and reports the first failure.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::{run::Run, settings::Plan, tally::Tally};
use crate::{
    choices::Choices,
    invariants::Violation,
    runner::{Source, message, run_seeds},
    trace::{TAIL, Trace},
};

/// The result of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The first violation of each invariant. Inside the assumptions, the run ends with the first one.
    pub violations: Vec<Violation>,
    pub tally: Tally,
    /// The end of the trace, if it was kept.
    pub trace: String,
}

/// Runs one sequence of choices, and keeps the last `lines` lines of its trace. A panic is a violation as well.
#[must_use]
pub fn run(source: Source<'_>, plan: Plan, lines: usize) -> Outcome {
    let choices = match source {
        Source::Seed(seed) => Choices::from_seed(seed),
        Source::Bytes(bytes) => Choices::from_bytes(bytes),
    };
    let trace = match lines {
        0 => Trace::default(),
        _ => Trace::kept(),
    };
    let mut run = Run::new(choices, plan, trace);
    let ran = catch_unwind(AssertUnwindSafe(|| run.play()));
    let left = catch_unwind(AssertUnwindSafe(|| run.let_go()));
    let world = run.world.lock();
    let mut violations = world.violations.clone();
    if let Err(panic) = ran.and(left) {
        let panic = Violation {
            invariant: "panic",
            what: message(&*panic),
        };
        violations.insert(0, panic);
    }
    Outcome {
        violations,
        tally: world.tally,
        trace: world.trace.tail(lines),
    }
}

/// Runs `count` seeds from `first` on, each under its plan, on all cores, and counts what happened.
///
/// # Panics
///
/// Panics with the trace of a seed that fails.
#[must_use]
pub fn run_all(first: u64, count: u64) -> Tally {
    let one = |seed| {
        let outcome = run(Source::Seed(seed), Plan::of(seed), 0);
        (outcome.tally, outcome.violations.into_iter().next())
    };
    match run_seeds(first, count, one) {
        Err((seed, index, violation)) => {
            panic!("number {index}: {}", report(seed, &violation, TAIL))
        }
        Ok(tallies) => {
            let mut sum = Tally::default();
            for tally in tallies {
                sum.add(tally);
            }
            sum
        }
    }
}

/// The seeds that violate an invariant.
#[derive(Clone, Debug)]
pub struct Violated {
    pub seeds: u64,
    pub first: u64,
    pub what: String,
}

/// Runs `count` seeds from `first` on, each under its plan, on all cores, and returns which invariants they violate.
#[must_use]
pub fn survey(first: u64, count: u64) -> BTreeMap<&'static str, Violated> {
    let one = |seed| {
        let violations = run(Source::Seed(seed), Plan::of(seed), 0).violations;
        ((seed, violations), None)
    };
    let mut runs = run_seeds(first, count, one).unwrap_or_default();
    runs.sort_unstable_by_key(|(seed, _)| *seed);
    let mut violated = BTreeMap::new();
    for (seed, Violation { invariant, what }) in runs
        .into_iter()
        .flat_map(|(seed, violations)| violations.into_iter().map(move |v| (seed, v)))
    {
        let entry = violated.entry(invariant).or_insert(Violated {
            seeds: 0,
            first: seed,
            what,
        });
        entry.seeds += 1;
    }
    violated
}

/// Describes a violation. It runs the seed again, for the last `lines` lines of its trace.
#[must_use]
pub fn report(seed: u64, violation: &Violation, lines: usize) -> String {
    let plan = Plan::of(seed);
    let trace = run(Source::Seed(seed), plan, lines).trace;
    let Violation { invariant, what } = violation;
    format!(
        "seed {seed} ({plan:?}) fails {invariant}: {what}\n\
         replay it with\n  NOLEADER_SHARD_SEED={seed} cargo test -p noleader-world shards::replay -- --nocapture\n{trace}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A million runs fit into memory.
    #[test]
    fn nothing_holds_the_world_after_a_run() {
        for seed in 0..8 {
            for plan in [Plan::of(seed), Plan::RolledBack] {
                let mut run = Run::new(Choices::from_seed(seed), plan, Trace::default());
                run.play();
                run.let_go();
                assert_eq!(run.world.holders(), 1, "seed {seed}, {plan:?}");
            }
        }
    }
}
