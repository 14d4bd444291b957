//! A store of one key, for an election.

mod key_name;
mod needs;
mod place;
mod watch;

use std::{sync::OnceLock, time::Duration};

use async_nats::Client;

use self::place::Place;
use super::{
    bucket::{settings::BucketSettings, storage::Storage},
    notices::Notices,
    requests::Requests,
};
use crate::{
    error::ConfigError,
    lease::Observation,
    names::ElectionName,
    store::{
        error::{StoreError, WriteError},
        lease_store::{LeaseStore, Request},
        watch::Watch,
    },
};

/// A key in a NATS JetStream KeyValue bucket.
///
/// [`LeaderHandle::builder`](crate::LeaderHandle::builder) creates one for you. Create it yourself if the bucket is in
/// another JetStream domain, or to configure a [`Leader`](crate::Leader):
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use noleader::{LeaderHandle, store::JetStream};
///
/// let client = async_nats::connect("localhost:4222").await?;
/// let store = JetStream::new(client, "orders", "writer").domain("hub").replicas(3);
/// let leader = LeaderHandle::with_store(store).id("node-7").start().await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a store does nothing until a candidate uses it"]
pub struct JetStream {
    requests: Requests,
    settings: BucketSettings,
    /// Parsed from the settings at the first use.
    place: OnceLock<Place>,
    /// The lease of the candidate, which may recreate the bucket. An observer sets none.
    lease: OnceLock<Duration>,
    notices: Notices,
}

impl JetStream {
    /// Creates a store on the key `key` of the bucket `bucket`.
    ///
    /// The names are checked when a candidate starts.
    pub fn new(client: Client, bucket: impl Into<String>, key: impl Into<String>) -> Self {
        Self::with_settings(client, BucketSettings::new(bucket, key))
    }

    pub(crate) fn with_settings(client: Client, settings: BucketSettings) -> Self {
        Self {
            requests: Requests::new(client),
            settings,
            place: OnceLock::new(),
            lease: OnceLock::new(),
            notices: Notices::default(),
        }
    }

    /// Sets the JetStream domain of the bucket, such as that of a hub that is reached through a leaf node.
    ///
    /// Default: the client's own domain.
    pub fn domain(self, domain: &str) -> Self {
        self.reached(|requests| requests.in_domain(domain))
    }

    /// Sets the prefix of the JetStream API, for example of an API that is imported from another account.
    ///
    /// Default: `$JS.API`.
    pub fn api_prefix(self, prefix: impl Into<String>) -> Self {
        self.reached(|requests| requests.at_prefix(prefix.into()))
    }

    fn reached(mut self, by: impl FnOnce(Requests) -> Requests) -> Self {
        self.requests = by(self.requests);
        self.place = OnceLock::new();
        self
    }

    /// Sets whether to create the bucket if it does not exist, at the start and if it vanishes later.
    ///
    /// Default: `true`.
    pub fn create_bucket(self, create: bool) -> Self {
        self.with(|settings| settings.create_bucket(create))
    }

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

    fn with(mut self, change: impl FnOnce(BucketSettings) -> BucketSettings) -> Self {
        self.settings = change(self.settings);
        self.place = OnceLock::new();
        self
    }

    fn place(&self) -> Result<&Place, ConfigError> {
        if let Some(place) = self.place.get() {
            return Ok(place);
        }
        let place = Place::parse(&self.settings)?;
        self.requests.check()?;
        Ok(self.place.get_or_init(|| place))
    }

    async fn check_or_create(&self, place: &Place, lease: Duration) -> Result<(), StoreError> {
        let needs = place.needs(lease);
        let (bucket, requests) = (&place.bucket, &self.requests);
        bucket.check_or_create(requests, &needs).await.map(drop)
    }
}

impl LeaseStore for JetStream {
    fn name(&self) -> ElectionName {
        self.settings.name()
    }

    async fn prepare(&self, lease: Duration) -> Result<(), StoreError> {
        let place = self.place()?;
        self.requests.check_server(&self.notices)?;
        let _ = self.lease.set(lease);
        self.check_or_create(place, lease).await
    }

    async fn prepare_observer(&self, lease: Duration) -> Result<(), StoreError> {
        let place = self.place()?;
        self.requests.check_server(&self.notices)?;
        let (bucket, needs) = (&place.bucket, place.needs(lease));
        if bucket.check(&self.requests, &needs).await?.is_none() {
            bucket.await_creation();
        }
        Ok(())
    }

    async fn read(&self) -> Result<Observation, StoreError> {
        let place = self.place()?;
        // A recreated bucket is no shortcut: the key is absent in it, and candidates wait as for any absent key.
        let missing = async {
            match self.lease.get() {
                Some(&lease) => self.check_or_create(place, lease).await,
                None => {
                    place.bucket.await_creation();
                    Ok(())
                }
            }
        };
        let (bucket, key) = (&place.bucket, place.key());
        self.requests.read(bucket, key, missing).await
    }

    async fn write(&self, expected: u64, value: Vec<u8>) -> Result<u64, WriteError> {
        let place = self
            .place()
            .map_err(|error| WriteError::Failed(error.into()))?;
        let key = (place.key(), expected);
        self.requests.write(&place.bucket, key, value, None).await
    }

    async fn watch(&self) -> Result<Watch, StoreError> {
        let place = self.place()?;
        // An observer does not check what depends on the lease.
        let needs = place.needs(self.lease.get().copied().unwrap_or_default());
        watch::open(&self.requests, place, &needs).await
    }

    fn unanswered(&self, request: Request, waited: Duration) -> StoreError {
        match self.place() {
            Ok(place) => StoreError::NoAnswer {
                subject: self
                    .requests
                    .subject_of(request, &place.bucket, place.key()),
                waited,
            },
            Err(error) => error.into(),
        }
    }
}
