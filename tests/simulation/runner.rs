//! Runs many seeds on all cores, and reports the first failure.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    invariants::Violation,
    plan::Plan,
    tally::Tally,
    trace::{TAIL, Trace},
    world::World,
};

/// What a run came to.
pub(crate) struct Run {
    pub(crate) violation: Option<Violation>,
    pub(crate) world: World,
}

/// Runs one seed. A panic in the library is a violation as well.
pub(crate) fn run(seed: u64, plan: Plan, trace: Trace) -> Run {
    let mut world = World::new(seed, plan, trace);
    let ran = catch_unwind(AssertUnwindSafe(|| world.run()));
    let violation = match ran {
        Ok(()) => world.violation.clone(),
        Err(_) => Some(Violation {
            invariant: "panic",
            what: "the code panicked, see above".to_owned(),
        }),
    };
    Run { violation, world }
}

/// Runs `count` seeds from `first` on, and panics with the trace of one that fails. Answers with
/// what happened how often.
pub(crate) fn run_all(first: u64, count: u64, plan: impl Fn(u64) -> Plan + Sync) -> Tally {
    let next = AtomicU64::new(0);
    let tally = Mutex::new(Tally::default());
    let failed = OnceLock::new();
    let work = || {
        let mut mine = Tally::default();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                break;
            }
            let seed = first.wrapping_add(index);
            let run = run(seed, plan(seed), Trace::default());
            mine.add(&run.world.tally);
            if let Some(violation) = run.violation {
                next.store(count, Ordering::Relaxed);
                // Another core may have been first.
                let _ = failed.set((seed, index, violation));
                break;
            }
        }
        tally
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(&mine);
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    if let Some((seed, index, violation)) = failed.into_inner() {
        panic!("{}", report(seed, plan(seed), index, &violation, TAIL));
    }
    tally.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the seed again, with a trace.
pub(crate) fn report(
    seed: u64,
    plan: Plan,
    index: u64,
    violation: &Violation,
    lines: usize,
) -> String {
    let again = run(seed, plan, Trace::kept());
    let trace = again.world.trace.tail(lines);
    let Violation { invariant, what } = violation;
    format!(
        "seed {seed} ({plan:?}, number {index}) fails invariants/{invariant}.rs: {what}\n\
         replay it with\n  NOLEADER_SEED={seed} cargo test --test simulation replay -- --nocapture\n{trace}"
    )
}
