//! The events of a run, as the invariants see them. `now` is the time on the node's own clock, and `until` a real time.

use noleader::{
    clock::Moment,
    lease::{Observation, Outcome},
    shards::protocol::{Key, Record, SessionId},
};

pub(crate) enum Fact<'a> {
    /// A process starts on the node, in place of one that has died or stopped.
    Started,
    /// The background task receives an input, after what it answers.
    Received { now: Moment },
    /// A write leaves. The protocol decided on it at `sent_at`.
    Sent {
        attempt: u64,
        key: &'a Key,
        record: &'a Record,
        sent_at: Moment,
    },
    /// The background task receives the outcome of its write.
    Answered {
        attempt: u64,
        outcome: Outcome,
        now: Moment,
    },
    /// The server applies a write of the process `by`, which may be dead.
    Applied {
        by: u64,
        key: &'a str,
        before: &'a Observation,
        value: &'a [u8],
        revision: u64,
    },
    /// Another client changes a key, or the server loses it.
    Touched { key: &'a str, seen: &'a Observation },
    /// The bucket is empty.
    Recreated,
    /// A session begins. No gate is open.
    Began {
        session: SessionId,
        deadline: Moment,
        until: u64,
    },
    /// The deadline of the session moves.
    Extended { deadline: Moment, until: u64 },
    /// The deadline comes at another real time, because the rate of the node's clock changed.
    Retimed { until: u64 },
    /// A term of a shard begins with a warm-up, or with its gate.
    Claimed { shard: u32, token: u64 },
    /// The gate of a shard opens. It closes at the session's deadline, unless that moves.
    Opened { shard: u32, token: u64, until: u64 },
    /// The gate of a shard has closed.
    Shut { shard: u32 },
    /// The session has ended, or its process has died: all gates have closed.
    Ended,
    /// A shard is about to be freed, while `inside` requests and warm-ups of its term have not ended.
    Freeing {
        shard: u32,
        inside: usize,
        is_open: bool,
        has_timed_out: bool,
    },
    /// The session is about to be ended for good, while `inside` requests and warm-ups of any term have not ended.
    Leaving {
        inside: usize,
        is_open: bool,
        has_timed_out: bool,
    },
    /// A request is admitted.
    Admitted {
        shard: u32,
        token: u64,
        is_open: bool,
    },
    /// The faults have stopped, and nothing is left to be done: only renewals are expected from now on.
    Settled { now: Moment },
    /// The end of that time.
    Unsettled { now: Moment },
}
