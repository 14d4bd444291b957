//! Seeds that failed once, each with the bug that it found. Every run of the tests includes them.

use crate::{
    plan::Plan,
    runner::{report, run},
    trace::{TAIL, Trace},
};

const FOUND: &[(u64, &str)] = &[
    (
        5_000_063,
        "an observer that never believed the leader after the server had lost its data",
    ),
    (
        156_871_924_893_511,
        "a bound on the hand-over that forgot a failed warm-up: of the simulation, not of the protocol",
    ),
    (
        2_000_798_836,
        "stale answers, believed for a while, that cut the wait for an absent key to the lease in them",
    ),
    (
        2_001_791_479,
        "a candidate that waits for requests of a lost term, and let a key begin anew below the token it knows",
    ),
    (
        7_002_044_780,
        "a record shown after the absence that followed it: of the simulation, not of the protocol",
    ),
    (
        7_000_079_553,
        "a bound on the hand-over to one that waits for requests of a lost term: of the simulation, not of the protocol",
    ),
];

#[test]
fn seeds_that_once_failed_pass() {
    for (seed, found) in FOUND {
        let plan = Plan::of(*seed);
        if let Some(violation) = run(*seed, plan, Trace::default()).violation {
            let report = report(*seed, plan, 0, &violation, TAIL);
            panic!("{found}, again: {report}");
        }
    }
}
