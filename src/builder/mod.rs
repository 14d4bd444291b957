//! The settings of a candidate.
//!
//! - `shards`: the settings of a node that takes part in shards.
//! - `start_error`: why a candidate did not start.

mod shards;
mod start_error;

use std::{future::Future, sync::Arc, time::Duration};

pub use self::{shards::ShardsBuilder, start_error::StartError};
#[cfg(feature = "jetstream")]
use crate::store::{BucketSettings, JetStream, Storage};
#[cfg(feature = "test-util")]
use crate::{clock::FakeClock, task::Journal};
use crate::{
    error::{BoxError, ConfigError},
    lease::TimeSettings,
    names::{Address, NodeId},
    runtime::Runtime,
    store::LeaseStore,
    task::{Journals, LeaderHandle, Start, Term, WarmUp},
};

/// Configures and starts a candidate, from `LeaderHandle::builder` (feature `jetstream`) or
/// [`LeaderHandle::with_store`].
///
/// `S` is the store of the lease. Every setting has a default. `start` checks each setting alone, and the settings
/// against each other.
#[derive(Clone, Debug)]
#[must_use = "a candidate takes part only once it is started"]
pub struct Builder<
    #[cfg(feature = "jetstream")] S = BucketSettings,
    #[cfg(not(feature = "jetstream"))] S,
> {
    store: S,
    settings: Settings,
}

/// The settings of a candidate, without those of its store.
#[derive(Clone, Debug)]
struct Settings {
    id: String,
    address: Option<String>,
    time: TimeSettings,
    observer: bool,
    trust_absent_key: bool,
    lossy_store: bool,
    warm_up: Option<WarmUp>,
    runtime: Runtime,
    journals: Journals,
}

#[cfg(feature = "jetstream")]
impl LeaderHandle {
    /// Configures a candidate for the election `key` in the KeyValue bucket `bucket`.
    pub fn builder(bucket: impl Into<String>, key: impl Into<String>) -> Builder<BucketSettings> {
        Builder::new(BucketSettings::new(bucket, key))
    }
}

impl LeaderHandle {
    /// Configures a candidate on any [`LeaseStore`], such as [`Memory`](crate::store::Memory) or a `JetStream` store in
    /// another domain.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use noleader::{LeaderHandle, store::Memory};
    ///
    /// let leader = LeaderHandle::with_store(Memory::new()).id("node-7").start().await?;
    /// # leader.shutdown().await?;
    /// # Ok(()) }
    /// ```
    pub fn with_store<S: LeaseStore>(store: S) -> Builder<S> {
        Builder::new(store)
    }
}

impl<S> Builder<S> {
    fn new(store: S) -> Self {
        let runtime = Runtime::default();
        Self {
            store,
            settings: Settings {
                id: runtime.random.uuid().to_string(),
                address: None,
                time: TimeSettings::default(),
                observer: false,
                trust_absent_key: false,
                lossy_store: false,
                warm_up: None,
                runtime,
                journals: Journals::default(),
            },
        }
    }

    /// Sets the id of the node: a name for operators of 1 to 256 bytes, without control characters.
    ///
    /// Default: a random UUID. It need not be unique, because a node recognizes its own lease by a nonce.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.settings.id = id.into();
        self
    }

    /// Sets the address at which other nodes and clients reach this node: an absolute URI of at most 1024 bytes,
    /// without user or password, and with a host that other nodes can reach. The leader publishes it in its record.
    ///
    /// Default: none. Give each node its own address. [`redirect`](crate::LeaderOnlyLayer::redirect) and
    /// [`forward`](crate::LeaderOnlyLayer::forward) use it as follows:
    ///
    /// - The scheme must be `http` or `https`.
    /// - A node never sends a request to an address with its own scheme, host and port.
    /// - The base path of the address is kept, and its query is dropped.
    pub fn address(mut self, address: impl Into<String>) -> Self {
        self.settings.address = Some(address.into());
        self
    }

    /// Sets the lease: how long the other nodes wait for a leader that does not renew, from 200 ms to 24 h.
    ///
    /// Default: 15 s, which outlasts the failover of a three-node cluster. With a shorter lease, the next leader
    /// replaces a crashed leader sooner. With a longer lease, the leader survives longer outages of the server.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.time.lease = lease;
        self
    }

    /// Sets the time between renewals, to which a jitter of ±10 % is added.
    ///
    /// Default: a third of the lease. The minimum is 10 ms. The maximum is half a lease, or less with a large
    /// [`max_clock_drift`](Self::max_clock_drift).
    pub fn renew_every(mut self, period: Duration) -> Self {
        self.settings.time.renew_every = Some(period);
        self
    }

    /// Sets by how much the rates of two nodes' monotonic clocks may differ, as a fraction from 0.0 to 0.5.
    ///
    /// Default: 0.1. A leader stops before the end of its lease by this fraction of the lease, and by at least 20 ms.
    ///
    /// Clocks run at different rates mainly while a time service corrects one of them. A Linux kernel may slew a clock
    /// by up to 10 %, and chrony does so by up to 8.3 %. Set 0.2 if both clocks may be slewed at once, in opposite
    /// directions.
    pub fn max_clock_drift(mut self, fraction: f64) -> Self {
        self.settings.time.max_clock_drift = fraction;
        self
    }

    /// Sets how long a step-down or a shutdown waits for admitted requests before it releases the lease.
    ///
    /// Default: 10 s.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.settings.time.drain_timeout = timeout;
        self
    }

    /// Sets the longest random delay before a campaign, which keeps many followers from writing at once.
    ///
    /// Default: 20 ms. The maximum is the lease.
    pub fn campaign_delay(mut self, delay: Duration) -> Self {
        self.settings.time.campaign_delay = delay;
        self
    }

    /// Sets whether an absent key is free at once.
    ///
    /// Default: `false`. An absent key may have been deleted while an unknown leader still holds its lease, so a
    /// candidate waits one lease before it takes the key. Skip this wait in tests. Elsewhere, skip it only if the key
    /// is never deleted and two leaders for the duration of a lease are acceptable.
    pub fn dangerous_trust_absent_key(mut self, trust: bool) -> Self {
        self.settings.trust_absent_key = trust;
        self
    }

    /// Sets whether the store may lose the last writes that it acknowledged, as a server does in a power cut unless it
    /// syncs each write.
    ///
    /// Default: `false`. With `true`, two open gates after such a loss are rarer, and some elections take one lease
    /// longer:
    ///
    /// - If the first state that this node sees is a release, it waits for the lease that the release names, because the
    ///   write that replaced the release may be lost. A node that starts after a release leads one lease later.
    /// - What this node saw before it opened its current watch counts as first seen when the watch was opened. A lost
    ///   connection therefore restarts the wait for an expired lease. In all, no wait is longer than four leases.
    ///
    /// Prefer a server that loses nothing: the guide on NATS lists its settings. Fencing tokens protect a storage in
    /// both cases.
    pub fn lossy_store(mut self, lossy: bool) -> Self {
        self.settings.lossy_store = lossy;
        self
    }

    /// Makes this node an observer: it follows the election and never campaigns.
    ///
    /// It does not create the bucket either. Until a candidate has created it, the observer follows no leader.
    pub fn observe(mut self) -> Self {
        self.settings.observer = true;
        self
    }

    /// Sets a warm-up, which runs after this node has won the election and before its gate opens. The lease is renewed
    /// meanwhile.
    ///
    /// - After an error or a panic the lease is released. This node does not campaign for one lease, and for twice as
    ///   long after each further failure, up to eight leases.
    /// - If the term ends first, the future is dropped. A future that blocks its thread runs until it yields. The next
    ///   warm-up waits for this, and so does a [`step_down`](crate::LeaderHandle::step_down), up to the drain timeout.
    ///
    /// ```no_run
    /// # use noleader::{LeaderHandle, store::Memory};
    /// # async fn load_orders() -> Result<(), std::io::Error> { Ok(()) }
    /// let builder = LeaderHandle::with_store(Memory::new()).warm_up(|_term| async {
    ///     load_orders().await
    /// });
    /// ```
    pub fn warm_up<F, Fut, E>(mut self, run: F) -> Self
    where
        F: Fn(Term) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.settings.warm_up = Some(WarmUp::new(run));
        self
    }

    /// Sets a clock that the caller moves, for tests.
    #[cfg(feature = "test-util")]
    pub fn clock(mut self, clock: FakeClock) -> Self {
        self.settings.runtime.clock = clock.into();
        self
    }

    /// Sets where the candidate takes time, tasks and random numbers from, for simulations.
    #[cfg(feature = "test-util")]
    #[doc(hidden)]
    pub fn runtime(mut self, runtime: Runtime) -> Self {
        self.settings.runtime = runtime;
        self
    }

    /// Sets what receives the events of each task that is started from this builder, in place of the log.
    #[cfg(feature = "test-util")]
    #[doc(hidden)]
    pub fn journal<J: Journal>(mut self, journal: impl Fn() -> J + Send + Sync + 'static) -> Self {
        self.settings.journals = Journals::new(move || -> Box<dyn Journal> { Box::new(journal()) });
        self
    }

    pub(crate) fn node_id(&self) -> &str {
        &self.settings.id
    }

    pub(crate) fn longest_drain(&self) -> Duration {
        self.settings.time.drain_timeout
    }

    #[cfg(feature = "jetstream")]
    fn with<T>(self, change: impl FnOnce(S) -> T) -> Builder<T> {
        Builder {
            store: change(self.store),
            settings: self.settings,
        }
    }
}

#[cfg(feature = "jetstream")]
impl Builder<BucketSettings> {
    /// Sets the number of replicas, from 1 to 5, if this candidate creates the bucket.
    ///
    /// Default: 1. If the bucket exists with another number of replicas, the candidate uses it and logs a warning.
    pub fn replicas(self, replicas: usize) -> Self {
        self.with(|settings| settings.replicas(replicas))
    }

    /// Sets where the bucket keeps its data, if this candidate creates it.
    ///
    /// Default: [`Storage::File`]. If the bucket exists with another storage, the candidate uses it and logs a warning.
    pub fn storage(self, storage: Storage) -> Self {
        self.with(|settings| settings.storage(storage))
    }

    /// Sets whether to create the bucket if it does not exist, at the start and if it vanishes later.
    ///
    /// Default: `true`.
    pub fn create_bucket(self, create: bool) -> Self {
        self.with(|settings| settings.create_bucket(create))
    }

    /// Checks the settings, checks or creates the bucket, and starts the candidate in the background.
    ///
    /// It does not wait for an election: see [`elected`](LeaderHandle::elected). Once started, the candidate retries
    /// failed requests without limit.
    ///
    /// In these cases the candidate starts with its gate closed, prepares the bucket in the background, and logs what it
    /// waits for:
    ///
    /// - The client is not connected, for example with `retry_on_initial_connect`.
    /// - The cluster has no leader yet, or too few servers or too little space.
    /// - JetStream does not respond yet, although the server has announced it.
    ///
    /// If the server does not respond at all, `start` retries for 30 s.
    ///
    /// [Shut down](LeaderHandle::shutdown) the handle before you drain or close the client, and before the runtime
    /// ends. Otherwise the lease is left to expire.
    ///
    /// # Errors
    ///
    /// - [`StartError::Config`] names an invalid setting and its bound.
    /// - [`StartError::Store`] says why the bucket cannot be used, for example
    ///   [`BucketUnfit`](crate::store::StoreError::BucketUnfit),
    ///   [`JetStreamDisabled`](crate::store::StoreError::JetStreamDisabled),
    ///   [`Closed`](crate::store::StoreError::Closed), or after 30 s
    ///   [`NoAnswer`](crate::store::StoreError::NoAnswer), which names the subject.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts nothing. The bucket may have been created.
    ///
    /// # Panics
    ///
    /// Panics outside of a Tokio runtime.
    pub async fn start(self, client: async_nats::Client) -> Result<LeaderHandle, StartError> {
        self.with(|settings| JetStream::with_settings(client, settings))
            .start()
            .await
    }

    /// Checks the settings, and checks or creates the bucket, without starting the candidate.
    ///
    /// Unlike [`start`](Self::start), it makes only one attempt.
    ///
    /// # Errors
    ///
    /// The errors of [`start`](Self::start), and every [transient](StartError::is_transient) error.
    pub async fn prepare(self, client: async_nats::Client) -> Result<(), StartError> {
        self.with(|settings| JetStream::with_settings(client, settings))
            .prepare()
            .await
    }
}

impl<S: LeaseStore> Builder<S> {
    /// Checks the settings, prepares the store, and starts the candidate in the background.
    ///
    /// It does not wait for an election: see [`elected`](LeaderHandle::elected). Once started, the candidate retries
    /// failed requests without limit.
    ///
    /// If the store reports an error that [is transient](crate::store::StoreError::is_transient), the candidate starts
    /// with its gate closed, and prepares the store in the background. If the store does not respond, `start` retries
    /// for 30 s.
    ///
    /// # Errors
    ///
    /// - [`StartError::Config`] names an invalid setting and its bound.
    /// - [`StartError::Store`] says why the store cannot be used.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future starts nothing. The store may have been prepared.
    ///
    /// # Panics
    ///
    /// Panics outside of a Tokio runtime.
    pub async fn start(self) -> Result<LeaderHandle, StartError> {
        Ok(self.settings.parse(self.store)?.start().await?)
    }

    /// Checks the settings and prepares the store, without starting the candidate.
    ///
    /// Unlike [`start`](Self::start), it makes only one attempt.
    ///
    /// # Errors
    ///
    /// The errors of [`start`](Self::start), and every [transient](StartError::is_transient) error.
    pub async fn prepare(self) -> Result<(), StartError> {
        let start = self.settings.parse(self.store)?;
        start.prepare().await?;
        Ok(())
    }
}

impl Settings {
    /// Checks every setting, alone and against the others.
    fn parse<S>(self, store: S) -> Result<Start<S>, ConfigError> {
        let timing = self.time.timing()?;
        let id = NodeId::parse(self.id)?;
        let address = self.address.map(Address::parse).transpose()?;
        if self.observer && self.warm_up.is_some() {
            return Err(ConfigError::new(
                "warm_up",
                "set on an observer",
                "an observer never leads; remove `.warm_up(..)` or `.observe()`",
            ));
        }
        Ok(Start {
            store: Arc::new(store),
            id,
            address,
            timing,
            observer: self.observer,
            trust_absent_key: self.trust_absent_key,
            lossy_store: self.lossy_store,
            warm_up: self.warm_up,
            runtime: self.runtime,
            journals: self.journals,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Memory;

    async fn refused(change: impl FnOnce(Builder<Memory>) -> Builder<Memory>) -> &'static str {
        let builder = LeaderHandle::with_store(Memory::new());
        match change(builder).prepare().await {
            Err(StartError::Config(error)) => error.setting(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn settings_out_of_bounds_are_rejected() {
        assert_eq!(refused(|b| b.id("")).await, "id");
        assert_eq!(refused(|b| b.address("10.0.0.7:8080")).await, "address");
        assert_eq!(refused(|b| b.lease(Duration::ZERO)).await, "lease");
        let observer =
            |b: Builder<Memory>| b.observe().warm_up(|_| async { Ok::<_, BoxError>(()) });
        assert_eq!(refused(observer).await, "warm_up");
    }
}
