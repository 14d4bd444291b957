use std::{fmt, sync::Arc, time::Duration};

use thiserror::Error;

use crate::lease::{LeaderInfo, Status};

/// The error of a request that was not admitted, and therefore not executed.
///
/// It converts into a response with feature `axum`, and into a `tonic::Status` with feature `tonic`, so that a handler
/// can use `let admission = leader.admit()?;`. Clones are cheap.
#[derive(Clone, PartialEq, Eq, Error)]
#[error("this node does not lead: {}", self.reason().explanation())]
// As small as a pointer: services move their results, and admitted requests pay for that too.
pub struct NotLeader(Arc<Inner>);

#[derive(PartialEq, Eq)]
struct Inner {
    reason: Reason,
    leader: Option<LeaderInfo>,
    retry_after: Duration,
}

impl NotLeader {
    pub(crate) fn new(reason: Reason, leader: Option<LeaderInfo>, retry_after: Duration) -> Self {
        Self(Arc::new(Inner {
            reason,
            leader,
            retry_after,
        }))
    }

    /// Why the gate is closed.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.0.reason
    }

    /// The leader, if it is known and is another node. After this node has left the election, the node that led then.
    #[must_use]
    pub fn leader(&self) -> Option<&LeaderInfo> {
        self.0.leader.as_ref()
    }

    /// An estimate of the time until a retry may succeed.
    #[must_use]
    pub fn retry_after(&self) -> Duration {
        self.0.retry_after
    }
}

impl fmt::Debug for NotLeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotLeader")
            .field("reason", &self.reason())
            .field("leader", &self.leader())
            .field("retry_after", &self.retry_after())
            .finish()
    }
}

/// Why a gate is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Another node leads.
    NotLeader,
    /// This node does not lead and knows of no leader, or it leads and less of its lease is left than
    /// [`admit_for`](crate::LeaderHandle::admit_for) or [`min_remaining`](crate::LeaderOnlyLayer::min_remaining)
    /// requires.
    NoLeader,
    /// This node won the election and is running its warm-up.
    Warming,
    /// This node is stepping down or shutting down, and waits for the admitted requests.
    Draining,
    /// The election has stopped on this node.
    Stopped,
}

impl Reason {
    /// `None` if the gate is open.
    pub(super) fn of(status: &Status) -> Option<Self> {
        match status {
            Status::Follower { leader: Some(_) } => Some(Self::NotLeader),
            Status::Follower { leader: None } => Some(Self::NoLeader),
            Status::Warming => Some(Self::Warming),
            Status::Leader { .. } => None,
            Status::Draining => Some(Self::Draining),
            Status::Stopped => Some(Self::Stopped),
        }
    }

    /// The reason as in the header `noleader-reason`, for example `no_leader`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotLeader => "not_leader",
            Self::NoLeader => "no_leader",
            Self::Warming => "warming",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
        }
    }

    fn explanation(self) -> &'static str {
        match self {
            Self::NotLeader => "another node leads",
            Self::NoLeader => "no node leads at the moment",
            Self::Warming => "it won the election and is warming up",
            Self::Draining => "it is handing over to another node",
            Self::Stopped => "it has left the election",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
