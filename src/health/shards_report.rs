use serde::Serialize;

use crate::shards::{ShardsStatus, Shared};

/// The report of a node that takes part in shards, at an instant.
#[derive(Debug, Serialize)]
pub(super) struct ShardsReport<'a> {
    status: &'static str,
    id: &'a str,
    shards: u32,
    owned: usize,
    members: usize,
    remaining_ms: Option<u64>,
    renewed_secs_ago: Option<f64>,
}

impl<'a> ShardsReport<'a> {
    pub(super) fn new(shared: &'a Shared) -> Self {
        // The published status lags behind the session, which decides.
        let left = shared.session_left();
        let status = match (shared.status(), left) {
            (ShardsStatus::Stopped, _) => "stopped",
            (ShardsStatus::Leaving, _) => "leaving",
            (ShardsStatus::Member { .. } | ShardsStatus::Joining, Some(_)) => "member",
            (ShardsStatus::Member { .. } | ShardsStatus::Joining, None) => "joining",
        };
        Self {
            status,
            id: shared.id(),
            shards: shared.count().get(),
            owned: shared.owned().len(),
            members: shared.members().borrow().len(),
            remaining_ms: left.map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
            renewed_secs_ago: shared.since_confirmed().map(|since| since.as_secs_f64()),
        }
    }

    pub(super) fn is_member(&self) -> bool {
        self.status == "member"
    }
}
