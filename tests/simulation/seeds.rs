//! Seeds that once failed, each with what it found. They are run each time.

use crate::{
    plan::Plan,
    runner::report,
    runner::run,
    trace::{TAIL, Trace},
};

const FOUND: &[(u64, &str)] = &[];

#[test]
fn seeds_that_once_failed_hold() {
    for (seed, found) in FOUND {
        let plan = Plan::of(*seed);
        if let Some(violation) = run(*seed, plan, Trace::default()).violation {
            panic!(
                "{found}, again: {}",
                report(*seed, plan, 0, &violation, TAIL)
            );
        }
    }
}
