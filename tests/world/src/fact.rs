//! The events of a run, as the invariants see them. `now` is the time on the node's own clock.

use std::time::Duration;

use noleader::{
    clock::Moment,
    lease::{Candidate, Ended, Observation, Outcome, Record, Status},
};

use crate::finale::KnownAs;

pub(crate) enum Fact<'a> {
    /// A process starts on the node, in the place of another that has died or stopped.
    Started {
        settings: &'a Candidate,
    },
    /// The background task is shown a state of the key.
    Saw {
        seen: &'a Observation,
        now: Moment,
    },
    /// A write leaves, which was decided on at `sent_at`.
    Sent {
        attempt: u64,
        expected: u64,
        record: &'a Record,
        sent_at: Moment,
    },
    /// The background task is told how its write ended.
    Answered {
        attempt: u64,
        outcome: Outcome,
        now: Moment,
    },
    /// A term begins, perhaps only after its end.
    Began {
        token: u64,
        deadline: Moment,
        now: Moment,
        /// How often the server has lost the stream.
        epoch: u64,
    },
    /// The gate opens, up to the real time `until` if nothing else happens.
    Opened {
        deadline: Moment,
        until: u64,
    },
    /// The same for an open gate whose deadline moves on.
    Extended {
        deadline: Moment,
        until: u64,
    },
    /// The open gate's deadline comes at another real time, since the node's clock runs differently.
    Retimed {
        until: u64,
    },
    /// The gate shuts, and the admitted requests are to finish, as was asked for at `asked_at`.
    Closing {
        asked_at: Moment,
        /// A request is inside.
        has_requests: bool,
    },
    /// The gate has shut, or its process has died.
    Shut,
    /// The term is over. `justified`: another client changed the key, or the server lost it.
    Ended {
        why: Ended,
        justified: bool,
    },
    /// A request or a piece of work is admitted.
    Admitted {
        now: Moment,
    },
    /// A reader finds the gate's deadline passed, before the task closed the gate.
    FoundShut,
    /// Admitted work is over.
    Left,
    /// The handler of a client's request runs.
    Executed {
        request: u64,
    },
    /// A client was told that its request was not executed.
    Refused {
        request: u64,
    },
    WarmUpBegan,
    WarmUpEnded,
    /// The closure of a work loop is called.
    WorkBegan,
    WorkEnded,
    /// The background task has ended before the election has stopped.
    Died,
    /// The task, or its whole process, stands still for so long on its own clock, at most.
    HeldUp {
        span: Duration,
    },
    /// A step-down or a shutdown is asked for.
    Asked {
        now: Moment,
        /// A request is inside.
        has_requests: bool,
    },
    Settled {
        now: Moment,
    },
    /// The background task has gone round, beginning at `handled_at`, and has published.
    Turned {
        status: &'a Status,
        has_opening: bool,
        timeout: Option<Moment>,
        handled_at: Moment,
    },
    /// A reader compares the published state with the actual one.
    Looked {
        published: &'a Status,
        is: &'a Status,
    },
    /// The faults have stopped: a gate must open, or be renewed, by the real time `by`.
    Expect {
        by: u64,
        why: &'a str,
        /// The lease is handed over by one release and one acquiring write. If something is inside, it takes so many
        /// nanoseconds more.
        hand_over: Option<u64>,
    },
    /// Where the node stands after a long calm, and who leads.
    Standing {
        status: &'a Status,
        leader: Option<&'a KnownAs>,
    },
    /// The run ends.
    End,
}
