use std::{error::Error, future::Future, time::Duration};

use crate::{
    clock::Clock,
    config::Config,
    error::StartError,
    store::{JetStream, LeaseStore, Storage},
    task::{self, LeaderHandle, Term, WarmUp},
};

/// Describes a candidate before it starts, from [`LeaderHandle::builder`].
///
/// Every setting has a default; all are checked together by [`start`](Self::start).
#[derive(Clone, Debug)]
#[must_use = "a candidate takes part only once it is started"]
pub struct Builder {
    config: Config,
    storage: Option<Storage>,
    create_bucket: bool,
    warm_up: Option<WarmUp>,
    clock: Clock,
}

impl Builder {
    pub(crate) fn new(bucket: String, key: String) -> Self {
        Self {
            config: Config::new(bucket, key),
            storage: None,
            create_bucket: true,
            warm_up: None,
            clock: Clock::system(),
        }
    }

    /// The node's name, for people. Default: a fresh UUID. It need not be unique: a node knows its own
    /// lease by a nonce.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.config.id = id.into();
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
        self.config.address = Some(address.into());
        self
    }

    /// How long a leader that fell silent keeps the others away, from 200 ms up to 24 h. Default: 15 s.
    ///
    /// A short lease replaces a crashed leader sooner; a long one rides out longer outages of the server.
    /// 15 s rides out the failover of a three-node cluster.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.config.lease = lease;
        self
    }

    /// The time between renewals, which are spread by ±10 %. Default: a third of the lease.
    pub fn renew_every(mut self, period: Duration) -> Self {
        self.config.renew_every = Some(period);
        self
    }

    /// By how much the rates of two nodes' monotonic clocks may differ, as a fraction. Default: 0.05, far
    /// more than any real clock needs.
    ///
    /// It sets the guard by which a leader stops before its lease ends, 20 ms at least.
    pub fn max_clock_drift(mut self, fraction: f64) -> Self {
        self.config.max_clock_drift = fraction;
        self
    }

    /// How long admitted requests may take to finish, on a step-down or shutdown, before the lease is
    /// released all the same. Default: 10 s.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.config.drain_timeout = timeout;
        self
    }

    /// The longest random delay before a campaign, which keeps many followers from writing at once.
    /// Default: 20 ms.
    pub fn campaign_delay(mut self, delay: Duration) -> Self {
        self.config.campaign_delay = delay;
        self
    }

    /// How many replicas the bucket has, if this call creates it: 1 to 5. Default: 1. An existing bucket
    /// with other replicas is used, with a warning in the log.
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.config.replicas = Some(replicas);
        self
    }

    /// Where the bucket keeps its data, if this call creates it. Default: in files. An existing bucket
    /// with another storage is used, with a warning in the log.
    pub fn storage(mut self, storage: impl Into<Storage>) -> Self {
        self.storage = Some(storage.into());
        self
    }

    /// Whether the bucket may be created where it does not exist, now and if it vanishes later. Default:
    /// yes.
    pub fn create_bucket(mut self, create: bool) -> Self {
        self.create_bucket = create;
        self
    }

    /// Whether an absent key is free at once. Default: no.
    ///
    /// An absent key may have been deleted while a leader that nobody here has seen still leads, so that
    /// a candidate waits one lease before it takes it. Skip the wait in tests, or where nobody ever
    /// deletes the key and two leaders for one lease are an acceptable risk.
    pub fn trust_absent_key(mut self, trust: bool) -> Self {
        self.config.trust_absent_key = trust;
        self
    }

    /// Only watch who leads, and never campaign.
    pub fn observe(mut self) -> Self {
        self.config.observer = true;
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
    /// # use noleader::LeaderHandle;
    /// # async fn load_orders() -> Result<(), std::io::Error> { Ok(()) }
    /// let builder = LeaderHandle::builder("orders", "writer").warm_up(|_term| async {
    ///     load_orders().await
    /// });
    /// ```
    pub fn warm_up<F, Fut, E>(mut self, run: F) -> Self
    where
        F: Fn(Term) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.warm_up = Some(WarmUp::new(run));
        self.config.warm_up = true;
        self
    }

    /// Counts on another clock, such as a [`FakeClock`](crate::clock::FakeClock).
    #[cfg(feature = "test-util")]
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self
    }

    pub(crate) fn node_id(&self) -> &str {
        &self.config.id
    }

    pub(crate) fn longest_drain(&self) -> Duration {
        self.config.drain_timeout
    }

    pub(crate) fn jetstream(&self, client: async_nats::Client) -> JetStream {
        let mut store = JetStream::new(client, &self.config.bucket, &self.config.key)
            .create_bucket(self.create_bucket);
        if let Some(replicas) = self.config.replicas {
            store = store.replicas(replicas);
        }
        if let Some(storage) = self.storage {
            store = store.storage(storage);
        }
        store
    }

    /// Checks the settings and the bucket, or creates it, without starting anything.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn prepare(&self, client: async_nats::Client) -> Result<(), StartError> {
        let timing = self.config.check()?;
        self.jetstream(client).prepare(timing.lease).await?;
        Ok(())
    }

    /// Checks the settings, checks or creates the bucket, and starts the candidate in the background. It
    /// does not wait to be elected.
    ///
    /// Shut the handle down before you drain or close the client, and before the runtime ends: a lease that cannot
    /// be released is left to expire.
    ///
    /// # Errors
    ///
    /// [`StartError::Config`] names a setting that is out of its bounds; [`StartError::Store`] tells why
    /// the bucket cannot be used. That is [`StoreError::Disconnected`](crate::store::StoreError::Disconnected) at
    /// once while the client is not connected, as after `retry_on_initial_connect`. Where
    /// [`is_transient`](crate::store::StoreError::is_transient), try again ([`Leader`](crate::Leader) does).
    /// Once this has succeeded nothing is fatal: the candidate tries again by itself, for ever.
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    pub async fn start(self, client: async_nats::Client) -> Result<LeaderHandle, StartError> {
        let store = self.jetstream(client);
        self.start_with(store).await
    }

    /// As [`start`](Self::start), on any store. The settings of the bucket are the store's.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    ///
    /// # Panics
    ///
    /// Outside a Tokio runtime.
    pub async fn start_with(self, store: impl LeaseStore) -> Result<LeaderHandle, StartError> {
        let timing = self.config.check()?;
        store.prepare(timing.lease).await?;
        Ok(task::spawn(
            self.config,
            timing,
            store,
            self.clock,
            self.warm_up,
        ))
    }
}
