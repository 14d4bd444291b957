//! The events of a run, as the invariants see them. `now` is the time on the node's own clock.

use std::time::Duration;

use noleader::{
    clock::Moment,
    lease::{Candidate, Ended, Observation, Outcome, Record, Status},
};

use crate::finale::KnownAs;

pub(crate) enum Fact<'a> {
    /// A process starts on the node, in place of one that has died or stopped.
    Started {
        settings: &'a Candidate,
    },
    /// The background task sees a state of the key.
    Saw {
        seen: &'a Observation,
        now: Moment,
    },
    /// A write leaves. The machine decided on it at `sent_at`.
    Sent {
        attempt: u64,
        expected: u64,
        record: &'a Record,
        sent_at: Moment,
    },
    /// The background task receives the outcome of its write.
    Answered {
        attempt: u64,
        outcome: Outcome,
        now: Moment,
    },
    /// A term begins: after a pause, perhaps past its deadline.
    Began {
        token: u64,
        deadline: Moment,
        now: Moment,
        /// How often the server has lost the stream.
        epoch: u64,
        /// The real time at which the machine decided on the acquiring write.
        acquiring_since: u64,
    },
    /// The gate opens. It closes at the real time `until` unless its deadline moves.
    Opened {
        deadline: Moment,
        until: u64,
    },
    /// The deadline of an open gate moves.
    Extended {
        deadline: Moment,
        until: u64,
    },
    /// The open gate's deadline comes at another real time, because the rate of the node's clock changed.
    Retimed {
        until: u64,
    },
    /// The gate closes for a stop that was requested at `asked_at`. The admitted requests are to finish.
    Closing {
        asked_at: Moment,
        /// A request is inside.
        has_requests: bool,
    },
    /// The gate has closed, or its process has died.
    Shut,
    /// The term has ended. `justified`: another client changed the key, or the server lost it.
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
    /// Admitted work has finished.
    Left,
    /// The handler of a client's request runs.
    Executed {
        request: u64,
    },
    /// A response says that the request was not executed.
    Refused {
        request: u64,
    },
    /// A client sends a request around a hand-over, which must be answered by the real time `due`.
    Promised {
        request: u64,
        due: u64,
    },
    /// A request around a hand-over is answered, completely.
    Replied {
        request: u64,
        failure: Option<&'a str>,
    },
    WarmUpBegan,
    WarmUpEnded,
    /// The closure of a work loop is called.
    WorkBegan,
    WorkEnded,
    /// The background task has ended before the election has stopped.
    Died,
    /// The task, or its whole process, is paused for at most `span` on its own clock.
    HeldUp {
        span: Duration,
    },
    /// A step-down or a shutdown is requested.
    Asked {
        now: Moment,
        /// A request is inside.
        has_requests: bool,
    },
    Settled {
        now: Moment,
    },
    /// The background task has completed a turn, which began at `handled_at`, and published the status.
    Turned {
        status: &'a Status,
        has_opening: bool,
        timeout: Option<Moment>,
        handled_at: Moment,
    },
    /// A reader compares the published status with the actual status.
    Looked {
        published: &'a Status,
        is: &'a Status,
    },
    /// The faults have stopped. A gate must open, or be renewed, by the real time `by`.
    Expect {
        by: u64,
        why: &'a str,
        /// For a hand-over, which takes one release and one acquiring write: by how many nanoseconds admitted work may
        /// delay it.
        hand_over: Option<u64>,
    },
    /// The status of the node, long after the faults have stopped, and the leader.
    Standing {
        status: &'a Status,
        leader: Option<&'a KnownAs>,
    },
    /// The run ends.
    End,
}
