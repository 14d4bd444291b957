//! Seeds that failed once, each with the fault that it found. Every run of the tests includes them.

use noleader_world::{Plan, Source, report, run};

/// More lines than a report needs.
const TAIL: usize = 80;

const FOUND: &[(u64, &str)] = &[];

#[test]
fn seeds_that_once_failed_pass() {
    for (seed, found) in FOUND {
        let violations = run(Source::Seed(*seed), Plan::of(*seed), 0).violations;
        if let Some(violation) = violations.first() {
            panic!("{found}, again: {}", report(*seed, violation, TAIL));
        }
    }
}
