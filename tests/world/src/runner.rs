//! Runs one sequence of choices or many seeds, and reports the first failure.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    choices::Choices,
    invariants::Violation,
    plan::Plan,
    run::Run,
    storage::StoredBy,
    tally::Tally,
    trace::{TAIL, Trace},
};

/// What decides a run.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    Seed(u64),
    /// The choices of a fuzzer.
    Bytes(&'a [u8]),
}

/// The result of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The first violation of each invariant. Inside the assumptions, the run ends with the first one.
    pub violations: Vec<Violation>,
    pub tally: Tally,
    /// The end of the trace, if it was kept.
    pub trace: String,
    /// The writes that the storage refused.
    pub refused: u64,
    /// The writes that the storage took, in order.
    pub stored: Vec<StoredBy>,
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
        refused: world.refused,
        stored: world.storage.read().clone(),
    }
}

/// The message of a panic. The panic hook has printed where it was.
pub(crate) fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without a message").to_owned()
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
            for tally in &tallies {
                sum.add(tally);
            }
            sum
        }
    }
}

/// Runs `count` seeds from `first` on, on all cores, up to the first failure. Returns the tally of each.
///
/// # Errors
///
/// A seed that fails, its number, and its violation.
pub(crate) fn run_seeds<T: Send>(
    first: u64,
    count: u64,
    one: impl Fn(u64) -> (T, Option<Violation>) + Sync,
) -> Result<Vec<T>, (u64, u64, Violation)> {
    let next = AtomicU64::new(0);
    let tallies = Mutex::new(Vec::new());
    let failed = OnceLock::new();
    let work = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                break;
            }
            let seed = first.wrapping_add(index);
            let (tally, violation) = one(seed);
            tallies
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(tally);
            if let Some(violation) = violation {
                next.store(count, Ordering::Relaxed);
                // Another core may have been first.
                let _ = failed.set((seed, index, violation));
                break;
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    match failed.into_inner() {
        Some(failed) => Err(failed),
        None => Ok(tallies.into_inner().unwrap_or_else(PoisonError::into_inner)),
    }
}

/// Describes a violation. It runs the seed again, for the last `lines` lines of its trace.
#[must_use]
pub fn report(seed: u64, violation: &Violation, lines: usize) -> String {
    let plan = Plan::of(seed);
    let trace = run(Source::Seed(seed), plan, lines).trace;
    let Violation { invariant, what } = violation;
    format!(
        "seed {seed} ({plan:?}) fails {invariant}: {what}\n\
         replay it with\n  NOLEADER_SEED={seed} cargo test -p noleader-world replay -- --nocapture\n{trace}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_keeps_its_message() {
        for panics in [|| panic!("plain"), || panic!("{}", "plain")] {
            let panic = catch_unwind(panics).expect_err("a panic");
            assert_eq!(message(&*panic), "plain");
        }
    }

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
