use std::{fmt, sync::Arc, time::Duration};

use thiserror::Error;

use crate::{
    lease::{LeaderInfo, Status},
    names::ShardId,
};

/// The error of a request that was not admitted, and therefore not executed.
///
/// It converts into a response with feature `axum`, and into a `tonic::Status` with feature `tonic`, so that a handler
/// can use `let admission = leader.admit()?;`. Clones are cheap.
#[derive(Clone, PartialEq, Eq, Error)]
#[error("{}", self.reason().explanation())]
// As small as a pointer: services move their results, and admitted requests pay for that too.
pub struct NotLeader(Arc<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    reason: Reason,
    shard: Option<ShardId>,
    leader: Option<LeaderInfo>,
    retry_after: Duration,
}

impl NotLeader {
    pub(crate) fn new(reason: Reason, leader: Option<LeaderInfo>, retry_after: Duration) -> Self {
        Self(Arc::new(Inner {
            reason,
            shard: None,
            leader,
            retry_after,
        }))
    }

    /// The error of a request whose gate could not find its shard, or must not.
    pub(crate) fn unassigned(reason: Reason) -> Self {
        let retry_after = match reason {
            Reason::NoKey => Duration::MAX,
            _ => Duration::from_secs(1),
        };
        Self::new(reason, None, retry_after)
    }

    /// The same for the election of a shard.
    pub(crate) fn of_shard(mut self, shard: Option<ShardId>) -> Self {
        if shard.is_some() {
            Arc::make_mut(&mut self.0).shard = shard;
        }
        self
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

    /// The shard of the request, if its gate has [many](crate::LeaderOnlyLayer::sharded).
    #[must_use]
    pub fn shard(&self) -> Option<ShardId> {
        self.0.shard
    }

    /// An estimate of the time until a retry may succeed. [`Duration::MAX`] if none will.
    #[must_use]
    pub fn retry_after(&self) -> Duration {
        self.0.retry_after
    }
}

impl fmt::Debug for NotLeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotLeader")
            .field("reason", &self.reason())
            .field("shard", &self.shard())
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
    /// The request has no key from which the gate could find its shard, or names a shard that does not exist. No retry
    /// will help.
    NoKey,
    /// The node that has forwarded the request found another shard for it than this node. That happens while the nodes
    /// of a rolling update find the key of a request in different ways.
    OtherShard,
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
            Self::NoKey => "no_key",
            Self::OtherShard => "other_shard",
        }
    }

    fn explanation(self) -> &'static str {
        match self {
            Self::NotLeader => "this node does not lead: another node leads",
            Self::NoLeader => "this node does not lead: no node leads at the moment",
            Self::Warming => "this node does not lead: it won the election and is warming up",
            Self::Draining => "this node does not lead: it is handing over to another node",
            Self::Stopped => "this node does not lead: it has left the election",
            Self::NoKey => "the request has no key that decides on its shard",
            Self::OtherShard => "the node that forwarded the request found another shard for it",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
