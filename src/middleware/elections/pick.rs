use std::{fmt, time::Duration};

use super::{
    election::{Changed, Election, Guard},
    node::Node,
};
use crate::{
    names::ShardId,
    task::{Admission, NotLeader},
};

/// The elections of a node, of which one decides about each request `Req`.
///
/// [`LeaderHandle`](crate::LeaderHandle) and [`Sharded`](super::Sharded) implement it. Its methods are not part of the
/// public API.
pub trait Elections<Req>: Node {
    #[doc(hidden)]
    type Election<'a>: Election
    where
        Self: 'a;
    #[doc(hidden)]
    type Which: Which;

    #[doc(hidden)]
    fn pick(&self, request: &Req) -> Pick<Self::Election<'_>, Self::Which>;
}

/// Which of a node's elections one is: its only one, or that of a shard.
pub trait Which: Copy + fmt::Debug + Send + 'static {
    /// The shard, if there are many elections.
    fn shard(self) -> Option<ShardId>;
}

impl Which for () {
    #[inline]
    fn shard(self) -> Option<ShardId> {
        None
    }
}

impl Which for ShardId {
    #[inline]
    fn shard(self) -> Option<ShardId> {
        Some(self)
    }
}

/// For a request that is held.
impl Which for Option<ShardId> {
    fn shard(self) -> Option<ShardId> {
        self
    }
}

/// What decides about a request.
#[derive(Debug)]
pub enum Pick<E, W> {
    /// An election.
    Election(Picked<E, W>),
    /// No election: the request reaches the service on every node.
    Pass,
    /// No election, because the request has no key. The user decides whether it passes.
    Keyless {
        /// Whether the request still reaches the service.
        passes: bool,
    },
}

/// The election that decides about a request.
pub struct Picked<E, W> {
    election: E,
    which: W,
}

/// The election that decides about a request that is held.
pub(in crate::middleware) type HeldPick = Picked<Box<dyn Election>, Option<ShardId>>;

impl<E: Election, W: Which> Picked<E, W> {
    #[inline]
    pub(in crate::middleware) fn new(election: E, which: W) -> Self {
        Self { election, which }
    }

    #[inline]
    pub(in crate::middleware) fn which(&self) -> W {
        self.which
    }

    #[inline]
    pub(in crate::middleware) fn admit_for(
        &self,
        min_remaining: Duration,
    ) -> Result<Admission, NotLeader> {
        let admission = self.election.admit_for(min_remaining);
        admission.map_err(|not_leader| not_leader.of_shard(self.which.shard()))
    }

    pub(in crate::middleware) fn not_leader(&self) -> NotLeader {
        self.election.not_leader().of_shard(self.which.shard())
    }

    pub(in crate::middleware) fn changed(&self) -> Changed {
        self.election.changed()
    }

    pub(in crate::middleware) fn hold(&self) -> Guard {
        self.election.hold()
    }

    /// The same, to hold the request.
    pub(in crate::middleware) fn boxed(&self) -> HeldPick {
        Picked::new(self.election.boxed(), self.which.shard())
    }
}

impl<E, W: fmt::Debug> fmt::Debug for Picked<E, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Picked")
            .field("which", &self.which)
            .finish_non_exhaustive()
    }
}
