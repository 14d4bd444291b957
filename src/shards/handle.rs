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
/// in the background. If the runtime ends first, the other nodes wait until the lease of this one has passed.
///
/// A [`ShardId`] whose number is not smaller than [`count`](Self::count) is no shard: no node leads it.
///
/// ```no_run
/// # async fn example(client: async_nats::Client) -> Result<(), Box<dyn std::error::Error>> {
/// use noleader::Shards;
///
/// let shards = Shards::builder("order_shards", 256)
///     .id("node-7")
///     .address("http://10.0.0.7:8080")
///     .start(client)
///     .await?;
/// let shard = shards.of("customer-17");
/// match shards.admit(shard) {
///     Ok(admission) => println!("leading {shard} with the fencing token {}", admission.term().token()),
///     Err(not_leader) => println!("{not_leader}; the leader is {:?}", not_leader.leader()),
/// }
/// shards.shutdown().await?;
/// # Ok(()) }
/// ```
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

    /// The number of shards, here and elsewhere. Their numbers are `0..count`.
    ///
    /// ```
    /// use noleader::{ShardId, Shards};
    ///
    /// fn all(shards: &Shards) -> impl Iterator<Item = ShardId> {
    ///     (0..shards.count()).map(ShardId::new)
    /// }
    /// ```
    #[must_use]
    pub fn count(&self) -> u32 {
        self.0.shared.count().get()
    }

    /// The shard to which a key belongs: see [`ShardId`].
    ///
    /// A gate of [`sharded`](crate::LeaderOnlyLayer::sharded) takes an integer as its decimal digits. For the same shard,
    /// pass them here as text.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use noleader::{Shards, store::MemoryShards};
    ///
    /// let shards = Shards::with_store(MemoryShards::new(), 256).start().await?;
    /// assert_eq!(shards.of("customer-17").index(), 166);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn of(&self, key: impl AsRef<[u8]>) -> ShardId {
        ShardId::of_key(key.as_ref(), self.0.shared.count())
    }

    /// Whether this node leads the shard at this instant. Wait-free.
    ///
    /// The answer may be outdated as soon as it is returned. Work that has to finish before the next node leads needs an
    /// [admission](Self::admit).
    ///
    /// ```
    /// # fn example(shards: &noleader::Shards) {
    /// if shards.is_leader(shards.of("customer-17")) {
    ///     println!("this node leads the shard");
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn is_leader(&self, shard: ShardId) -> bool {
        self.0.shared.gates.term(shard.index()).is_some()
    }

    /// Admits a piece of work if this node leads the shard at this instant. Wait-free if it does.
    ///
    /// Hold the [`Admission`] while the work runs: the shard is not freed before that, up to the drain timeout.
    ///
    /// # Errors
    ///
    /// [`NotLeader`], with the reason and the node that leads the shard, if the gate is closed.
    ///
    /// ```
    /// use noleader::{NotLeader, Shards};
    ///
    /// # async fn write(_: u64) {}
    /// async fn work(shards: &Shards, customer: &str) -> Result<(), NotLeader> {
    ///     let admission = shards.admit(shards.of(customer))?;
    ///     write(admission.term().token().into()).await;
    ///     Ok(())
    /// }
    /// ```
    #[inline]
    pub fn admit(&self, shard: ShardId) -> Result<Admission, NotLeader> {
        self.admit_for(shard, Duration::ZERO)
    }

    /// Admits a piece of work if this node leads the shard at this instant, and at least `min_remaining` of the session
    /// is left. Wait-free if it does.
    ///
    /// All shards of this node share its session, which is renewed once in
    /// [`renew_every`](crate::ShardsBuilder::renew_every).
    ///
    /// # Errors
    ///
    /// [`NotLeader`], with the reason and the node that leads the shard, if the gate is closed or less time is left.
    ///
    /// ```
    /// # use noleader::{Admission, NotLeader, Shards};
    /// use std::time::Duration;
    ///
    /// fn begin(shards: &Shards) -> Result<Admission, NotLeader> {
    ///     shards.admit_for(shards.of("customer-17"), Duration::from_secs(2))
    /// }
    /// ```
    #[inline]
    pub fn admit_for(
        &self,
        shard: ShardId,
        min_remaining: Duration,
    ) -> Result<Admission, NotLeader> {
        self.0.shared.admit(shard, min_remaining)
    }

    /// The node that leads a shard, if it is known. It may be this one.
    ///
    /// It is what the background task knew last, for information. [`admit`](Self::admit) decides whether this node may act.
    /// After this node has left, it is the node that led then.
    ///
    /// ```
    /// # fn example(shards: &noleader::Shards) {
    /// let owner = shards.owner(shards.of("customer-17"));
    /// let address = owner.as_ref().and_then(|leader| leader.address());
    /// # }
    /// ```
    #[must_use]
    pub fn owner(&self, shard: ShardId) -> Option<LeaderInfo> {
        self.0.shared.owner(shard)
    }

    /// The shards that are open here at this instant, in the order of their numbers.
    ///
    /// It looks at each shard. To follow the shards of this node, use [`run_each`](Self::run_each).
    ///
    /// ```
    /// # fn example(shards: &noleader::Shards) {
    /// for shard in shards.owned() {
    ///     println!("{}: fencing token {}", shard.id(), shard.token());
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn owned(&self) -> Vec<Shard> {
        self.0.shared.owned()
    }

    /// A channel with the nodes that take part. A node that is silent is one of them until its lease has passed.
    ///
    /// The channel closes once this node has left.
    ///
    /// ```
    /// # async fn example(shards: &noleader::Shards) {
    /// let mut members = shards.members();
    /// while members.changed().await.is_ok() {
    ///     println!("{} nodes", members.borrow_and_update().len());
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn members(&self) -> watch::Receiver<Vec<Member>> {
        self.0.shared.members()
    }

    /// The status of this node, as the background task has published it last.
    ///
    /// ```
    /// # fn example(shards: &noleader::Shards) {
    /// println!("{} is {}", shards.id(), shards.status()); // node-7 is holding 52 shards
    /// # }
    /// ```
    #[must_use]
    pub fn status(&self) -> ShardsStatus {
        self.0.shared.status()
    }

    /// A channel with the status of this node. It closes once the node has left.
    ///
    /// ```
    /// use noleader::{Shards, ShardsStatus};
    ///
    /// /// Waits until this node takes part. False if it has left.
    /// async fn takes_part(shards: &Shards) -> bool {
    ///     let is_member = |status: &ShardsStatus| matches!(status, ShardsStatus::Member { .. });
    ///     shards.watch().wait_for(is_member).await.is_ok()
    /// }
    /// ```
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<ShardsStatus> {
        self.0.shared.watch()
    }

    /// Why this node has left, or none while it has not.
    ///
    /// ```
    /// # fn example(shards: &noleader::Shards) {
    /// if let Some(stopped) = shards.stopped() {
    ///     eprintln!("{stopped}");
    /// }
    /// # }
    /// ```
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
    /// 4. If requests are held for the next leaders of their shards, waits for those, up to one lease. A
    ///    [`LeaderOnlyLayer`](crate::LeaderOnlyLayer) with `wait_up_to` holds them.
    /// 5. Ends the background task.
    ///
    /// Returns once that is done, at the latest after the drain timeout and a third of a lease, or four thirds if
    /// requests are held. Other nodes may still send requests here for a moment, which a
    /// [`LeaderOnlyLayer`](crate::LeaderOnlyLayer) refuses: stop the server
    /// [only after that](crate::guide::actions#stopping-a-node). Further calls have no effect and return the same result.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the shutdown continues in the background.
    ///
    /// # Errors
    ///
    /// [`ReleaseError::LeftToExpire`] if the end of the session was not acknowledged in time.
    ///
    /// ```
    /// # async fn example(shards: noleader::Shards) {
    /// if let Err(error) = shards.shutdown().await {
    ///     eprintln!("the other nodes wait for the lease of this one: {error}");
    /// }
    /// # }
    /// ```
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
