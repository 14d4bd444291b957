use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::{
    lease::{LeaderInfo, Status},
    names::FencingToken,
    task::Shared,
};

/// The report of a node at an instant.
#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    #[serde(serialize_with = "name")]
    status: Status,
    id: &'a str,
    #[serde(serialize_with = "id_and_token")]
    leader: Option<LeaderInfo>,
    /// The token of the term that this node holds.
    token: Option<FencingToken>,
    remaining_ms: Option<u64>,
    renewed_secs_ago: Option<f64>,
}

impl<'a> Report<'a> {
    pub(super) fn new(shared: &'a Shared) -> Self {
        let view = shared.view();
        // A node that lost its lease while it drained follows the new leader.
        let held = match view.status {
            Status::Follower { .. } | Status::Stopped => None,
            _ => view.held,
        };
        Self {
            status: view.status,
            id: shared.id().as_str(),
            leader: view.leader,
            token: held.as_ref().map(|held| held.term.token()),
            remaining_ms: held.as_ref().map(|held| millis(held.left)),
            renewed_secs_ago: shared.since_confirmed().map(|since| since.as_secs_f64()),
        }
    }

    pub(super) fn leads(&self) -> bool {
        matches!(self.status, Status::Leader { .. })
    }
}

fn name<S: Serializer>(status: &Status, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(status.name())
}

/// Omits the address, which not every client of a health endpoint should see.
fn id_and_token<S: Serializer>(
    leader: &Option<LeaderInfo>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Leader<'a> {
        id: &'a str,
        token: FencingToken,
    }
    let leader = leader.as_ref().map(|leader| Leader {
        id: leader.id(),
        token: leader.token(),
    });
    leader.serialize(serializer)
}

fn millis(left: Duration) -> u64 {
    u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
}
