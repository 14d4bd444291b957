//! A candidate before it starts.

mod start_error;

use std::{future::Future, time::Duration};

pub use self::start_error::StartError;
#[cfg(feature = "jetstream")]
use crate::store::{BucketSettings, JetStream, Storage};
use crate::{
    clock::Clock,
    error::{BoxError, ConfigError},
    lease::TimeSettings,
    names::{Address, NodeId},
    store::LeaseStore,
    task::{LeaderHandle, Start, Term, WarmUp},
};

/// Describes a candidate before it starts, from `LeaderHandle::builder` (feature `jetstream`) or
/// [`LeaderHandle::with_store`].
///
/// `S` is where the lease is kept. Every setting has a default; `start` checks all of them together.
#[derive(Clone, Debug)]
#[must_use = "a candidate takes part only once it is started"]
pub struct Builder<
    #[cfg(feature = "jetstream")] S = BucketSettings,
    #[cfg(not(feature = "jetstream"))] S,
> {
    store: S,
    settings: Settings,
}

/// The settings of a candidate that are not its store's.
#[derive(Clone, Debug)]
struct Settings {
    id: String,
    address: Option<String>,
    time: TimeSettings,
    observer: bool,
    trust_absent_key: bool,
    warm_up: Option<WarmUp>,
    clock: Clock,
}

#[cfg(feature = "jetstream")]
impl LeaderHandle {
    /// Describes a candidate for the election `key` in the KeyValue bucket `bucket`.
    pub fn builder(bucket: impl Into<String>, key: impl Into<String>) -> Builder<BucketSettings> {
        Builder::new(BucketSettings::new(bucket, key))
    }
}

impl LeaderHandle {
    /// Describes a candidate whose lease is kept in `store`: any [`LeaseStore`], such as
    /// [`Memory`](crate::store::Memory), or `JetStream` with settings of its own.
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
        Self {
            store,
            settings: Settings {
                id: uuid::Uuid::new_v4().to_string(),
                address: None,
                time: TimeSettings::default(),
                observer: false,
                trust_absent_key: false,
                warm_up: None,
                clock: Clock::system(),
            },
        }
    }

    /// The node's name, for people. Default: a fresh UUID. It need not be unique: a node knows its own
    /// lease by a nonce.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.settings.id = id.into();
        self
    }

    /// Where other nodes and clients reach this one: an absolute URI, published in the record. Default:
    /// none.
    ///
    /// Give each node its own: [`redirect`](crate::LeaderOnlyLayer::redirect) and
    /// [`forward`](crate::LeaderOnlyLayer::forward) send a request to an address with the scheme `http` or `https`
    /// only, and never to one with the node's own scheme, host and port. They keep its base path, and leave out its
    /// query.
    pub fn address(mut self, address: impl Into<String>) -> Self {
        self.settings.address = Some(address.into());
        self
    }

    /// How long a leader that fell silent keeps the others away, from 200 ms up to 24 h. Default: 15 s.
    ///
    /// A short lease replaces a crashed leader sooner; a long one rides out longer outages of the server.
    /// 15 s rides out the failover of a three-node cluster.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.time.lease = lease;
        self
    }

    /// The time between renewals, which are spread by ±10 %. Default: a third of the lease.
    pub fn renew_every(mut self, period: Duration) -> Self {
        self.settings.time.renew_every = Some(period);
        self
    }

    /// By how much the rates of two nodes' monotonic clocks may differ, as a fraction. Default: 0.05, far
    /// more than any real clock needs.
    ///
    /// It sets the guard by which a leader stops before its lease ends, 20 ms at least.
    pub fn max_clock_drift(mut self, fraction: f64) -> Self {
        self.settings.time.max_clock_drift = fraction;
        self
    }

    /// How long admitted requests may take to finish, on a step-down or shutdown, before the lease is
    /// released all the same. Default: 10 s.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.settings.time.drain_timeout = timeout;
        self
    }

    /// The longest random delay before a campaign, which keeps many followers from writing at once.
    /// Default: 20 ms.
    pub fn campaign_delay(mut self, delay: Duration) -> Self {
        self.settings.time.campaign_delay = delay;
        self
    }

    /// Whether an absent key is free at once. Default: no.
    ///
    /// An absent key may have been deleted while a leader that nobody here has seen still leads, so that
    /// a candidate waits one lease before it takes it. Skip the wait in tests, or where nobody ever
    /// deletes the key and two leaders for one lease are an acceptable risk.
    pub fn dangerous_trust_absent_key(mut self, trust: bool) -> Self {
        self.settings.trust_absent_key = trust;
        self
    }

    /// Only watch who leads, and never campaign.
    pub fn observe(mut self) -> Self {
        self.settings.observer = true;
        self
    }

    /// Runs after this node has won and before its gate opens. The lease is renewed meanwhile.
    ///
    /// An error or a panic gives the lease back, and this node sits out: one lease, then twice as long
    /// each time, up to eight. The future is dropped if the term ends before it does. One that blocks its
    /// thread goes on until it yields: the next one waits for that, and a
    /// [`step_down`](crate::LeaderHandle::step_down) does, up to the drain timeout.
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

    /// Counts on another clock, such as a [`FakeClock`](crate::test_util::FakeClock).
    #[cfg(feature = "test-util")]
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.settings.clock = clock.into();
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
    /// How many replicas the bucket has, if this call creates it: 1 to 5. Default: 1. If the bucket exists with
    /// another number of replicas it is used, and a warning is logged.
    pub fn replicas(self, replicas: usize) -> Self {
        self.with(|settings| settings.replicas(replicas))
    }

    /// Where the bucket keeps its data, if this call creates it. Default: in files. If the bucket exists with another
    /// storage it is used, and a warning is logged.
    pub fn storage(self, storage: Storage) -> Self {
        self.with(|settings| settings.storage(storage))
    }

    /// Whether the bucket may be created if it does not exist, now and if it vanishes later. Default: yes.
    pub fn create_bucket(self, create: bool) -> Self {
        self.with(|settings| settings.create_bucket(create))
    }

    /// Checks the settings, checks or creates the bucket, and starts the candidate in the background. It
    /// does not wait to be elected.
    ///
    /// Shut the handle down before you drain or close the client, and before the runtime ends: a lease that cannot
    /// be released is left to expire.
    ///
    /// # Errors
    ///
    /// [`StartError::Config`] names a setting that is out of bounds; [`StartError::Store`] says why the bucket cannot
    /// be used. It is [`StoreError::Disconnected`](crate::store::StoreError::Disconnected) while the client is not
    /// connected, as after `retry_on_initial_connect`. If it
    /// [`is_transient`](crate::store::StoreError::is_transient), try again ([`Leader`](crate::Leader) does).
    /// Once this has succeeded nothing is fatal: the candidate retries without end.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    pub async fn start(self, client: async_nats::Client) -> Result<LeaderHandle, StartError> {
        self.with(|settings| JetStream::with_settings(client, settings))
            .start()
            .await
    }

    /// Checks the settings, and checks or creates the bucket, without starting anything.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn prepare(self, client: async_nats::Client) -> Result<(), StartError> {
        self.with(|settings| JetStream::with_settings(client, settings))
            .prepare()
            .await
    }
}

impl<S: LeaseStore> Builder<S> {
    /// Checks the settings, prepares the store, and starts the candidate in the background. It does not wait to be
    /// elected.
    ///
    /// # Errors
    ///
    /// [`StartError::Config`] names a setting that is out of bounds; [`StartError::Store`] says why the store cannot
    /// be used. If it [`is_transient`](crate::store::StoreError::is_transient), try again
    /// ([`Leader`](crate::Leader) does). Once this has succeeded nothing is fatal: the candidate retries without end.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    pub async fn start(self) -> Result<LeaderHandle, StartError> {
        let start = self.settings.parse(self.store)?;
        start.store.prepare(start.timing.lease).await?;
        Ok(start.spawn())
    }

    /// Checks the settings and prepares the store, without starting anything.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn prepare(self) -> Result<(), StartError> {
        let start = self.settings.parse(self.store)?;
        start.store.prepare(start.timing.lease).await?;
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
            store,
            id,
            address,
            timing,
            observer: self.observer,
            trust_absent_key: self.trust_absent_key,
            warm_up: self.warm_up,
            clock: self.clock,
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
    async fn every_setting_out_of_its_bounds_is_refused() {
        assert_eq!(refused(|b| b.id("")).await, "id");
        assert_eq!(refused(|b| b.address("10.0.0.7:8080")).await, "address");
        assert_eq!(refused(|b| b.lease(Duration::ZERO)).await, "lease");
        let observer =
            |b: Builder<Memory>| b.observe().warm_up(|_| async { Ok::<_, BoxError>(()) });
        assert_eq!(refused(observer).await, "warm_up");
    }
}
