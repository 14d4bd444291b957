use std::time::Duration;

use serde::Serialize;

use crate::{LeaderInfo, Status, Term, task::Shared};

/// What a node says of itself, at one instant.
#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    status: Standing,
    id: &'a str,
    leader: Option<Leader>,
    token: Option<u64>,
    remaining_ms: Option<u64>,
    renewed_secs_ago: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Standing {
    Leader,
    Follower,
    Warming,
    Draining,
    Stopped,
}

/// Who leads. Its address is for those who are inside.
#[derive(Debug, Serialize)]
struct Leader {
    id: String,
    token: u64,
}

impl<'a> Report<'a> {
    pub(super) fn new(shared: &'a Shared) -> Self {
        // The gate decides who is a leader, and not what was published last.
        if let Some(lease) = shared.gate.lease() {
            return Self::holding(shared, Standing::Leader, Some(lease));
        }
        let status = shared.status.borrow().clone();
        match status {
            Status::Warming => Self::holding(shared, Standing::Warming, shared.held()),
            Status::Draining => Self::holding(shared, Standing::Draining, shared.held()),
            Status::Follower { leader } => Self::without(shared, Standing::Follower, leader),
            // It has just lost its term, and does not know yet.
            Status::Leader => Self::without(shared, Standing::Follower, None),
            Status::Stopped => Self::without(shared, Standing::Stopped, None),
        }
    }

    pub(super) fn leads(&self) -> bool {
        self.status == Standing::Leader
    }

    /// A node that holds the lease, unless it has run out.
    fn holding(shared: &'a Shared, status: Standing, lease: Option<(Term, Duration)>) -> Self {
        let token = lease.as_ref().map(|(term, _)| term.token());
        let id = || shared.id.clone();
        Self {
            leader: token.map(|token| Leader { id: id(), token }),
            token,
            remaining_ms: lease.map(|(_, left)| millis(left)),
            ..Self::without(shared, status, None)
        }
    }

    fn without(shared: &'a Shared, status: Standing, leader: Option<LeaderInfo>) -> Self {
        let since = shared.pulse.since_confirmed(shared.clock.now());
        Self {
            status,
            id: &shared.id,
            leader: leader.map(|LeaderInfo { id, token, .. }| Leader { id, token }),
            token: None,
            remaining_ms: None,
            renewed_secs_ago: since.map(|since| since.as_secs_f64()),
        }
    }
}

fn millis(left: Duration) -> u64 {
    u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
}
