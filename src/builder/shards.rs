use std::{
    future::Future,
    num::{NonZeroU32, NonZeroUsize},
    sync::Arc,
    time::Duration,
};

use tokio::sync::watch;

use super::start_error::StartError;
#[cfg(feature = "test-util")]
use crate::clock::FakeClock;
#[cfg(feature = "jetstream")]
use crate::store::{BucketSettings, JetStreamShards, Storage};
use crate::{
    error::{BoxError, ConfigError},
    lease::{MAX_LEASE, TimeSettings},
    names::{Address, NodeId},
    runtime::Runtime,
    shards::{Journal, PlacementSettings, Shard, Shards, Start, protocol},
    store::ShardStore,
    task::{Journals, WarmUp},
};

/// The most shards.
const MOST_SHARDS: u32 = 1 << 16;
/// The requests in progress at a time, apart from the renewal of the session: enough that a node takes over thousands
/// of shards in a second over a network with a round trip of some milliseconds.
const REQUESTS: usize = 256;

/// The settings of a node that takes part in shards.
///
/// Created by [`Shards::builder`] or [`Shards::with_store`].
#[derive(Clone, Debug)]
#[must_use = "a node takes part only once it is started"]
pub struct ShardsBuilder<
    #[cfg(feature = "jetstream")] S = BucketSettings,
    #[cfg(not(feature = "jetstream"))] S,
> {
    store: S,
    settings: Settings,
}

#[derive(Clone, Debug)]
struct Settings {
    shards: u32,
    id: String,
    address: Option<String>,
    weight: u32,
    time: TimeSettings,
    warm_up: Option<WarmUp<Shard>>,
    runtime: Runtime,
    requests: usize,
    journals: Journals<dyn Journal>,
    wants: Option<watch::Receiver<Vec<protocol::Want>>>,
    /// The start wait and the moves at once of the placement, if they are not the default ones.
    placement: Option<(Duration, NonZeroUsize)>,
}

#[cfg(feature = "jetstream")]
impl Shards {
    /// Configures a node that takes part in `shards` shards, from 1 to 65,536, in a bucket that is used for nothing else.
    ///
    /// All nodes of a bucket need the same number of shards, and the same lease.
    ///
    /// ```no_run
    /// # async fn load(_: u32) -> Result<(), std::io::Error> { Ok(()) }
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use noleader::{Shard, Shards};
    ///
    /// let client = async_nats::connect("localhost:4222").await?;
    /// let shards = Shards::builder("order_shards", 256)
    ///     .id("node-7")
    ///     .address("http://10.0.0.7:8080")
    ///     .warm_up(|shard: Shard| async move { load(shard.index()).await })
    ///     .start(client)
    ///     .await?;
    /// let id = shards.of("customer-17");
    /// if let Ok(admission) = shards.admit(id) {
    ///     println!("leading {id} with the fencing token {}", admission.term().token());
    /// }
    /// shards.shutdown().await?;
    /// # Ok(()) }
    /// ```
    pub fn builder(bucket: impl Into<String>, shards: u32) -> ShardsBuilder<BucketSettings> {
        ShardsBuilder::new(BucketSettings::of_shards(bucket), shards)
    }
}

impl Shards {
    /// Configures a node that takes part in `shards` shards, from 1 to 65,536, in any store.
    ///
    /// All nodes of a store need the same number of shards, and the same lease.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use noleader::{Shards, store::MemoryShards};
    ///
    /// let store = MemoryShards::new(); // clones share the shards, within one process
    /// let a = Shards::with_store(store.clone(), 16).id("a").start().await?;
    /// let b = Shards::with_store(store, 16).id("b").start().await?;
    /// # Ok(()) }
    /// ```
    pub fn with_store<S: ShardStore>(store: S, shards: u32) -> ShardsBuilder<S> {
        ShardsBuilder::new(store, shards)
    }
}

impl<S> ShardsBuilder<S> {
    fn new(store: S, shards: u32) -> Self {
        let runtime = Runtime::default();
        Self {
            store,
            settings: Settings {
                shards,
                id: runtime.random.uuid().to_string(),
                address: None,
                weight: 1,
                time: TimeSettings::default(),
                warm_up: None,
                runtime,
                requests: REQUESTS,
                journals: Journals::default(),
                wants: None,
                placement: None,
            },
        }
    }

    /// Sets the id of this node. It must be unique, and should be stable over restarts: it decides which shards this node
    /// leads, so that a node that is started again gets the same shards.
    ///
    /// Default: a random UUID. An id has 1 to 256 bytes, and no control characters.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.settings.id = id.into();
        self
    }

    /// Publishes an address to the other nodes, which forward or redirect requests to it: an absolute URL with `http` or
    /// `https`, as in [`Builder::address`](crate::Builder::address).
    ///
    /// Default: none.
    pub fn address(mut self, address: impl Into<String>) -> Self {
        self.settings.address = Some(address.into());
        self
    }

    /// Sets this node's part of the shards, compared with the weights of the others, from 1 to 1,000. A node with the
    /// weight 2 gets twice the part of a node with the weight 1.
    ///
    /// Default: 1.
    pub fn weight(mut self, weight: u32) -> Self {
        self.settings.weight = weight;
        self
    }

    /// Sets the lease, from 2 s to 24 h. The shards of a node that crashes have no leader for up to this time after its
    /// last renewal.
    ///
    /// Default: 15 s. All nodes of a bucket need the same lease.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.time.lease = lease;
        self
    }

    /// Sets the time between renewals of the node's session, with the default and the bounds of
    /// [`Builder::renew_every`](crate::Builder::renew_every).
    pub fn renew_every(mut self, period: Duration) -> Self {
        self.settings.time.renew_every = Some(period);
        self
    }

    /// Sets by how much the rates of two nodes' monotonic clocks may differ, with the default and the bounds of
    /// [`Builder::max_clock_drift`](crate::Builder::max_clock_drift).
    pub fn max_clock_drift(mut self, fraction: f64) -> Self {
        self.settings.time.max_clock_drift = fraction;
        self
    }

    /// Sets how long a shard that moves, or a shutdown, waits for the admitted requests of a shard before it is freed.
    ///
    /// Default: 10 s.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.settings.time.drain_timeout = timeout;
        self
    }

    /// Runs a closure before the gate of a shard opens. If it fails, this node frees the shard, and does not claim it again
    /// for a while: at least one lease. A panic is a failure.
    ///
    /// The closures of several shards run at the same time, each in its own task. If the term of a shard ends first, its
    /// future is dropped.
    ///
    /// ```
    /// # async fn load(_: u32) -> Result<(), std::io::Error> { Ok(()) }
    /// use noleader::{Shard, Shards, store::MemoryShards};
    ///
    /// let builder = Shards::with_store(MemoryShards::new(), 16)
    ///     .warm_up(|shard: Shard| async move { load(shard.index()).await });
    /// ```
    pub fn warm_up<F, Fut, E>(mut self, run: F) -> Self
    where
        F: Fn(Shard) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.settings.warm_up = Some(WarmUp::new(run));
        self
    }

    /// Sets the clock.
    #[cfg(feature = "test-util")]
    pub fn clock(mut self, clock: FakeClock) -> Self {
        self.settings.runtime.clock = clock.into();
        self
    }

    #[cfg(feature = "test-util")]
    #[doc(hidden)]
    pub fn runtime(mut self, runtime: Runtime) -> Self {
        self.settings.runtime = runtime;
        self
    }

    #[cfg(feature = "test-util")]
    #[doc(hidden)]
    pub fn journal<J: Journal>(mut self, journal: impl Fn() -> J + Send + Sync + 'static) -> Self {
        self.settings.journals = Journals::new(move || -> Box<dyn Journal> { Box::new(journal()) });
        self
    }

    /// Sets how many requests may be in progress at a time, apart from the renewal of the session.
    #[cfg(feature = "test-util")]
    #[doc(hidden)]
    pub fn max_requests(mut self, requests: usize) -> Self {
        self.settings.requests = requests;
        self
    }

    /// Sets what this node wants, in place of the placement: one advice for each shard.
    #[cfg(feature = "test-util")]
    #[doc(hidden)]
    pub fn wants(mut self, wants: watch::Receiver<Vec<protocol::Want>>) -> Self {
        self.settings.wants = Some(wants);
        self
    }

    /// Sets how long a node that starts waits before it claims what was not its own, and how many shards it gives away at
    /// once.
    #[cfg(feature = "test-util")]
    #[doc(hidden)]
    pub fn placement(mut self, start_wait: Duration, moves_at_once: NonZeroUsize) -> Self {
        self.settings.placement = Some((start_wait, moves_at_once));
        self
    }

    #[cfg(feature = "jetstream")]
    fn with<T>(self, change: impl FnOnce(S) -> T) -> ShardsBuilder<T> {
        ShardsBuilder {
            store: change(self.store),
            settings: self.settings,
        }
    }
}

#[cfg(feature = "jetstream")]
impl ShardsBuilder<BucketSettings> {
    /// Sets the number of replicas of the bucket, from 1 to 5, if this call creates it.
    ///
    /// Default: 1.
    pub fn replicas(self, replicas: usize) -> Self {
        self.with(|settings| settings.replicas(replicas))
    }

    /// Sets where the bucket keeps its data, if this call creates it.
    ///
    /// Default: [`Storage::File`].
    pub fn storage(self, storage: Storage) -> Self {
        self.with(|settings| settings.storage(storage))
    }

    /// Sets whether to create the bucket if it does not exist.
    ///
    /// Default: `true`.
    pub fn create_bucket(self, create: bool) -> Self {
        self.with(|settings| settings.create_bucket(create))
    }

    /// Starts the node. It does not wait for shards.
    ///
    /// # Errors
    ///
    /// As [`Builder::start`](crate::Builder::start). A bucket whose nodes have another number of shards or another lease is
    /// [`StoreError::BucketUnfit`](crate::store::StoreError::BucketUnfit).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts nothing. The bucket may have been created.
    ///
    /// # Panics
    ///
    /// Panics outside of a Tokio runtime.
    pub async fn start(self, client: async_nats::Client) -> Result<Shards, StartError> {
        self.with(|settings| JetStreamShards::with_settings(client, settings))
            .start()
            .await
    }
}

impl<S: ShardStore> ShardsBuilder<S> {
    /// Starts the node. It does not wait for shards.
    ///
    /// # Errors
    ///
    /// As [`Builder::start`](crate::Builder::start). A store whose nodes have another number of shards or another lease is
    /// [`StoreError::BucketUnfit`](crate::store::StoreError::BucketUnfit).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts nothing. The store may have been prepared.
    ///
    /// # Panics
    ///
    /// Panics outside of a Tokio runtime.
    pub async fn start(self) -> Result<Shards, StartError> {
        let Settings {
            shards,
            id,
            address,
            weight,
            time,
            warm_up,
            runtime,
            requests,
            journals,
            wants,
            placement,
        } = self.settings;
        check_lease(time.lease)?;
        let shards = check("shards", shards, MOST_SHARDS)?;
        let mut advice = PlacementSettings::new(shards.get(), time.lease);
        if let Some((start_wait, moves_at_once)) = placement {
            (advice.start_wait, advice.moves_at_once) = (start_wait, moves_at_once);
        }
        let node = protocol::Node {
            id: NodeId::parse(id)?,
            address: address.map(Address::parse).transpose()?,
            weight: check("weight", weight, 1_000)?.get(),
            lock: None,
            timing: time.timing()?,
            shards: shards.get(),
            warm_up: warm_up.is_some(),
            max_requests: requests,
        };
        let start = Start {
            store: Arc::new(self.store),
            node,
            warm_up,
            runtime,
            journals,
            wants,
            placement: advice,
        };
        Ok(start.start().await?)
    }
}

fn check_lease(lease: Duration) -> Result<(), ConfigError> {
    if (protocol::MIN_SESSION_LEASE..=MAX_LEASE).contains(&lease) {
        return Ok(());
    }
    Err(ConfigError::new(
        "lease",
        format_args!("{lease:?}"),
        "a lease of shards must be between 2 s and 24 h",
    ))
}

fn check(setting: &'static str, value: u32, most: u32) -> Result<NonZeroU32, ConfigError> {
    let in_bounds = NonZeroU32::new(value).filter(|value| value.get() <= most);
    in_bounds
        .ok_or_else(|| ConfigError::new(setting, value, format!("it must be between 1 and {most}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::MemoryShards;

    async fn refused(
        shards: u32,
        change: impl FnOnce(ShardsBuilder<MemoryShards>) -> ShardsBuilder<MemoryShards>,
    ) -> &'static str {
        let builder = Shards::with_store(MemoryShards::new(), shards);
        match change(builder).start().await {
            Err(StartError::Config(error)) => error.setting(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn settings_out_of_bounds_are_rejected() {
        assert_eq!(refused(0, |b| b).await, "shards");
        assert_eq!(refused(65_537, |b| b).await, "shards");
        assert_eq!(refused(1, |b| b.id("")).await, "id");
        assert_eq!(refused(1, |b| b.weight(0)).await, "weight");
        assert_eq!(refused(1, |b| b.weight(1_001)).await, "weight");
        assert_eq!(refused(1, |b| b.address("10.0.0.7:8080")).await, "address");
        let short = Duration::from_millis(1_999);
        assert_eq!(refused(1, |b| b.lease(short)).await, "lease");
    }
}
