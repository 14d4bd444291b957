use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot, watch};

use super::{member::Member, shard::Shard, shared::Shared, status::ShardsStatus, task::Shutdown};
use crate::{
    lease::{LeaderInfo, Settled},
    names::{Address, ShardId},
    task::{Admission, NotLeader, ReleaseError, Stopped},
};

/// A node's participation in shards: many elections, each with its own leader, at the price of one lease.
///
/// A background task renews the session of this node, and claims the shards that are placed here. Clones of the handle
/// share the task. Await [`shutdown`](Self::shutdown) before the runtime ends; dropping the last clone starts the same
/// in the background.
#[derive(Clone)]
#[must_use = "the node leaves when the last handle is dropped"]
pub struct Shards(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    /// The task shuts down when this sender is dropped with the last clone of the handle.
    commands: mpsc::UnboundedSender<Shutdown>,
}

impl Shards {
    pub(super) fn new(shared: Arc<Shared>, commands: mpsc::UnboundedSender<Shutdown>) -> Self {
        Self(Arc::new(Inner { shared, commands }))
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.0.shared
    }

    /// The number of shards, here and elsewhere.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.0.shared.count().get()
    }

    /// The shard to which a key belongs: see [`ShardId`].
    #[must_use]
    pub fn of(&self, key: impl AsRef<[u8]>) -> ShardId {
        ShardId::of_key(key.as_ref(), self.0.shared.count())
    }

    /// Whether this node leads the shard at this instant. Wait-free.
    #[must_use]
    pub fn is_leader(&self, shard: ShardId) -> bool {
        self.0.shared.gates.term(shard.index()).is_some()
    }

    /// Admits a piece of work if this node leads the shard at this instant. Wait-free if it does.
    ///
    /// # Errors
    ///
    /// [`NotLeader`], with the reason and the node that leads the shard, if the gate is closed.
    #[inline]
    pub fn admit(&self, shard: ShardId) -> Result<Admission, NotLeader> {
        self.admit_for(shard, Duration::ZERO)
    }

    /// Admits a piece of work if this node leads the shard at this instant, and at least `min_remaining` of the session
    /// is left. Wait-free if it does.
    ///
    /// # Errors
    ///
    /// [`NotLeader`], with the reason and the node that leads the shard, if the gate is closed.
    #[inline]
    pub fn admit_for(
        &self,
        shard: ShardId,
        min_remaining: Duration,
    ) -> Result<Admission, NotLeader> {
        self.0.shared.admit(shard, min_remaining)
    }

    /// The node that leads a shard, if it is known. It may be this one.
    #[must_use]
    pub fn owner(&self, shard: ShardId) -> Option<LeaderInfo> {
        self.0.shared.owner(shard)
    }

    /// The shards that are open here at this instant.
    #[must_use]
    pub fn owned(&self) -> Vec<Shard> {
        self.0.shared.owned()
    }

    /// A channel with the nodes that take part. A node that is silent is one of them until its lease has passed.
    ///
    /// The channel closes once this node has left.
    #[must_use]
    pub fn members(&self) -> watch::Receiver<Vec<Member>> {
        self.0.shared.members()
    }

    /// The status of this node, as the background task has published it last.
    #[must_use]
    pub fn status(&self) -> ShardsStatus {
        self.0.shared.status()
    }

    /// A channel with the status of this node. It closes once the node has left.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<ShardsStatus> {
        self.0.shared.watch()
    }

    /// Why this node has left, or none while it has not.
    #[must_use]
    pub fn stopped(&self) -> Option<Stopped> {
        self.0.shared.stopped()
    }

    /// The id of this node.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.shared.id.as_str()
    }

    /// The address that this node publishes, if any.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        self.0.shared.address.as_ref().map(Address::as_str)
    }

    /// Leaves.
    ///
    /// 1. Closes all gates.
    /// 2. Frees each shard once its admitted requests have finished, up to the drain timeout.
    /// 3. Ends the session, which frees the rest.
    ///
    /// Further calls have no effect and return the same result. If the future is dropped, the shutdown continues in the
    /// background.
    ///
    /// # Errors
    ///
    /// [`ReleaseError::LeftToExpire`] if the end of the session was not acknowledged in time.
    ///
    /// # Deadlocks
    ///
    /// An admitted request that awaits this call waits for itself, up to the drain timeout.
    pub async fn shutdown(&self) -> Result<(), ReleaseError> {
        let (answer, settled) = oneshot::channel();
        let mut status = self.watch();
        // Fails only if the task has ended.
        let _ = self.0.commands.send(answer);
        let answered = tokio::select! {
            biased;
            settled = settled => settled.ok(),
            _ = status.wait_for(|status| *status == ShardsStatus::Stopped) => None,
        };
        match answered.or_else(|| self.0.shared.ended.get().map(|end| end.settled)) {
            Some(Settled::Released) => Ok(()),
            Some(Settled::LeftToExpire) | None => {
                Err(ReleaseError::LeftToExpire(self.0.shared.timing.lease))
            }
        }
    }
}

impl fmt::Debug for Shards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shards")
            .field("id", &self.id())
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
