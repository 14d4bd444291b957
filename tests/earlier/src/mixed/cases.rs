//! The cases in `docs/migrating.md`.

use super::Make;

/// A sequence of events with one candidate of each version.
pub(super) struct Case {
    pub(super) name: &'static str,
    /// The lease of the present version.
    pub(super) lease_s: u64,
    /// Whether the present version has its own bucket.
    pub(super) new_bucket: bool,
    /// Whether the present version is held until [`Step::Open`].
    pub(super) held: bool,
    pub(super) steps: &'static [Step],
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Creates the bucket of 0.1.2 with this `max_age`.
    Bucket {
        max_age_s: u64,
    },
    Join(Make),
    Leads(Make),
    /// Asserts that the candidate runs, and has not led once after this many seconds.
    NeverLeads(Make, u64),
    /// Asserts that the candidate's process exits with an error.
    DoesNotStart(Make),
    Wait(u64),
    Kill(Make),
    CutOff(Make),
    Pause(Make),
    Resume(Make),
    /// Lets the present version lead.
    Open,
}

use Make::{Earlier, Present};
use Step::{
    Bucket, CutOff, DoesNotStart, Join, Kill, Leads, NeverLeads, Open, Pause, Resume, Wait,
};

const PLAIN: Case = Case {
    name: "",
    lease_s: 15,
    new_bucket: false,
    held: false,
    steps: &[],
};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "0.1 leads, 0.2 joins",
        steps: &[
            Join(Earlier),
            Leads(Earlier),
            Join(Present),
            DoesNotStart(Present),
        ],
        ..PLAIN
    },
    Case {
        name: "0.1 leads, 0.2 joins with a lease of 6 s",
        lease_s: 6,
        steps: &[
            Join(Earlier),
            Leads(Earlier),
            Wait(5),
            Join(Present),
            Leads(Present),
            Wait(15),
        ],
        ..PLAIN
    },
    Case {
        name: "max_age 150 s: 0.1 leads, 0.2 joins, 0.1 is killed after a minute",
        steps: &[
            Bucket { max_age_s: 150 },
            Join(Earlier),
            Leads(Earlier),
            Wait(5),
            Join(Present),
            NeverLeads(Present, 60),
            Kill(Earlier),
            Leads(Present),
        ],
        ..PLAIN
    },
    Case {
        name: "max_age 150 s: 0.1 leads, 0.2 joins, 0.1 is cut off",
        steps: &[
            Bucket { max_age_s: 150 },
            Join(Earlier),
            Leads(Earlier),
            Join(Present),
            Wait(20),
            CutOff(Earlier),
            Leads(Present),
            Wait(20),
        ],
        ..PLAIN
    },
    Case {
        name: "max_age 150 s: 0.1 leads, 0.2 joins, 0.1 is paused",
        steps: &[
            Bucket { max_age_s: 150 },
            Join(Earlier),
            Leads(Earlier),
            Join(Present),
            Wait(20),
            Pause(Earlier),
            Leads(Present),
            Resume(Earlier),
            Wait(5),
        ],
        ..PLAIN
    },
    Case {
        name: "0.2 leads in its bucket, 0.1 joins, 0.2 is killed",
        steps: &[
            Join(Present),
            Leads(Present),
            Join(Earlier),
            NeverLeads(Earlier, 30),
            Kill(Present),
            NeverLeads(Earlier, 100),
        ],
        ..PLAIN
    },
    Case {
        name: "0.2 leads in the bucket of 0.1, 0.1 joins, 0.2 is killed",
        lease_s: 6,
        steps: &[
            Bucket { max_age_s: 60 },
            Join(Present),
            Leads(Present),
            Join(Earlier),
            NeverLeads(Earlier, 60),
            Kill(Present),
            Leads(Earlier),
        ],
        ..PLAIN
    },
    Case {
        name: "two buckets: 0.1 leads, 0.2 joins",
        new_bucket: true,
        steps: &[
            Join(Earlier),
            Leads(Earlier),
            Join(Present),
            Leads(Present),
            Wait(10),
        ],
        ..PLAIN
    },
    Case {
        name: "0.1 is killed, 0.2 starts on a new bucket",
        new_bucket: true,
        steps: &[
            Join(Earlier),
            Leads(Earlier),
            Kill(Earlier),
            Join(Present),
            Leads(Present),
        ],
        ..PLAIN
    },
    Case {
        name: "0.2 warms up on a new bucket, 0.1 is killed, 0.2 is let lead",
        new_bucket: true,
        held: true,
        steps: &[
            Join(Earlier),
            Leads(Earlier),
            Join(Present),
            NeverLeads(Present, 30),
            Kill(Earlier),
            Open,
            Leads(Present),
        ],
        ..PLAIN
    },
    Case {
        name: "back: 0.2 is killed on its bucket, 0.1 starts on its own",
        new_bucket: true,
        steps: &[
            Join(Present),
            Leads(Present),
            Kill(Present),
            Join(Earlier),
            Leads(Earlier),
        ],
        ..PLAIN
    },
    Case {
        name: "0.1 is killed and starts again at once",
        steps: &[
            Join(Earlier),
            Leads(Earlier),
            Kill(Earlier),
            Join(Earlier),
            Leads(Earlier),
        ],
        ..PLAIN
    },
];
