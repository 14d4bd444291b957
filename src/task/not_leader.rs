use std::{fmt, time::Duration};

use thiserror::Error;

use crate::lease::{LeaderInfo, Status};

/// A request was not admitted, and so it was not executed.
///
/// With feature `axum` it turns into a response, and with feature `tonic` into a `tonic::Status`, so that a handler may
/// return it: `let admission = leader.admit()?;`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("this node does not lead: {}", reason.explanation())]
pub struct NotLeader {
    reason: Reason,
    leader: Option<LeaderInfo>,
    retry_after: Duration,
}

impl NotLeader {
    pub(crate) fn new(reason: Reason, leader: Option<LeaderInfo>, retry_after: Duration) -> Self {
        Self {
            reason,
            leader,
            retry_after,
        }
    }

    /// Why the gate is shut.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The node that leads, if that is known and is another one.
    #[must_use]
    pub fn leader(&self) -> Option<&LeaderInfo> {
        self.leader.as_ref()
    }

    /// When another attempt may be worth it. An estimate.
    #[must_use]
    pub fn retry_after(&self) -> Duration {
        self.retry_after
    }
}

/// Why a gate is shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// Another node leads.
    NotLeader,
    /// As far as this node knows, no node leads at the moment.
    NoLeader,
    /// This node won the election and runs its warm-up.
    Warming,
    /// This node hands the lease over, or waits for its last requests before it leaves.
    Draining,
    /// This node takes no part in the election any more.
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

    /// The name of the reason, as in the header `noleader-reason`.
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
