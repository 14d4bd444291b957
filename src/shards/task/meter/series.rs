use metrics::{Label, Unit};

use crate::{metric::Metric, shards::protocol::Ended};

pub(super) const HAS_SESSION: Metric = Metric::gauge(
    "noleader_shards_has_session",
    Unit::Count,
    "1 while this node has a session, otherwise 0",
);
pub(super) const SESSION_REMAINING: Metric = Metric::gauge(
    "noleader_shards_session_remaining_seconds",
    Unit::Seconds,
    "time to the deadline of the session when the task last acted, or 0 without a session",
);
pub(super) const OWNED: Metric = Metric::gauge(
    "noleader_shards_owned",
    Unit::Count,
    "shards that this node holds",
);
pub(super) const UNOWNED: Metric = Metric::gauge(
    "noleader_shards_unowned",
    Unit::Count,
    "shards without an owner, as this node sees it; all shards until it knows better, and 0 once it has left",
);
pub(super) const MEMBERS: Metric = Metric::gauge(
    "noleader_shards_members",
    Unit::Count,
    "nodes with a session, as this node sees it; 0 once it has left",
);
pub(super) const REQUESTS: Metric = Metric::gauge(
    "noleader_shards_requests_in_progress",
    Unit::Count,
    "requests to the bucket that wait for a response",
);
pub(super) const SESSIONS: Metric = Metric::counter(
    "noleader_shards_sessions_total",
    Unit::Count,
    "sessions that this node began",
);
pub(super) const SESSIONS_LOST: Metric = Metric::counter(
    "noleader_shards_sessions_lost_total",
    Unit::Count,
    "sessions that ended although this node did not leave",
);
pub(super) const OPENED: Metric = Metric::counter(
    "noleader_shards_opened_total",
    Unit::Count,
    "gates of shards that opened here",
);
pub(super) const CLOSED: Metric = Metric::counter(
    "noleader_shards_closed_total",
    Unit::Count,
    "gates of shards that closed here",
);
pub(super) const WARM_UPS_FAILED: Metric = Metric::counter(
    "noleader_shards_warm_ups_failed_total",
    Unit::Count,
    "warm-ups of shards that failed or panicked",
);
pub(super) const DRAIN: Metric = Metric::histogram(
    "noleader_shards_drain_seconds",
    Unit::Seconds,
    "time from the closing of a gate until its admitted requests had finished, or their time was over",
);
pub(super) const WRITES: Metric = Metric::counter(
    "noleader_shards_writes_total",
    Unit::Count,
    "writes to the bucket that ended",
);
pub(super) const WATCHES_LOST: Metric = Metric::counter(
    "noleader_shards_watches_lost_total",
    Unit::Count,
    "watches of the bucket that were replaced because they were behind or left a message out, or that ended",
);
pub(super) const STORE_FAILURES: Metric = Metric::counter(
    "noleader_shards_store_failures_total",
    Unit::Count,
    "requests to the bucket that failed or got no response",
);

pub(super) const STAGES: [&str; 3] = ["warming", "open", "draining"];
pub(super) const WRITE_KINDS: [&str; 7] =
    ["begin", "renew", "leave", "fence", "claim", "free", "mark"];
pub(super) const RESULTS: [&str; 4] = ["acknowledged", "conflict", "failed", "unknown"];
pub(super) const GIVEN_AWAY: &str = "given_away";
pub(super) const LEFT: &str = "left";
pub(super) const OVERWRITTEN: &str = "overwritten";
pub(super) const SESSION_LOST: &str = "session_lost";
pub(super) const BEHIND: &str = "behind";
pub(super) const ENDED: &str = "ended";

const LOST: [&str; 6] = [
    "expired",
    "overwritten",
    "deleted",
    "reconfigured",
    "data_lost",
    "recreated",
];

/// Why a session was lost, or none if its node leaves.
pub(super) fn lost(why: Ended) -> Option<&'static str> {
    let [
        expired,
        overwritten,
        deleted,
        reconfigured,
        data_lost,
        recreated,
    ] = LOST;
    match why {
        Ended::Left => None,
        Ended::Expired => Some(expired),
        Ended::Refused | Ended::Overwritten => Some(overwritten),
        Ended::Deleted => Some(deleted),
        Ended::Reconfigured => Some(reconfigured),
        Ended::DataLost => Some(data_lost),
        Ended::Recreated => Some(recreated),
    }
}

/// The labels of the series of one node. No label names a shard, so the number of series does not grow with the shards.
#[derive(Debug)]
pub(super) struct Labels(Label);

impl Labels {
    pub(super) fn new(bucket: &str) -> Self {
        Self(Label::new("bucket", bucket.to_owned()))
    }

    pub(super) fn none(&self) -> [Label; 1] {
        [self.0.clone()]
    }

    pub(super) fn one(&self, name: &'static str, value: &'static str) -> [Label; 2] {
        [self.0.clone(), Label::from_static_parts(name, value)]
    }

    pub(super) fn write(&self, kind: &'static str, result: &'static str) -> [Label; 3] {
        let write = Label::from_static_parts("write", kind);
        let result = Label::from_static_parts("result", result);
        [self.0.clone(), write, result]
    }

    /// Describes every metric, and makes every series exist.
    pub(super) fn register(&self) {
        for metric in [
            HAS_SESSION,
            SESSION_REMAINING,
            UNOWNED,
            MEMBERS,
            REQUESTS,
            SESSIONS,
            OPENED,
            WARM_UPS_FAILED,
            DRAIN,
            STORE_FAILURES,
        ] {
            metric.describe();
            metric.register(&self.none());
        }
        for (metric, name, values) in [
            (OWNED, "state", &STAGES[..]),
            (SESSIONS_LOST, "reason", &LOST),
            (
                CLOSED,
                "reason",
                &[GIVEN_AWAY, LEFT, OVERWRITTEN, SESSION_LOST],
            ),
            (WATCHES_LOST, "reason", &[BEHIND, ENDED]),
        ] {
            metric.describe();
            for value in values {
                metric.register(&self.one(name, value));
            }
        }
        WRITES.describe();
        for kind in WRITE_KINDS {
            for result in RESULTS {
                WRITES.register(&self.write(kind, result));
            }
        }
    }
}
