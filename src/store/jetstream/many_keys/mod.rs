//! A store of many keys, for sharded leadership.

mod needs;
mod pulls;
mod watch;

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_nats::Client;

use self::needs::ManyKeys;
use super::{
    bucket::{Bucket, settings::BucketSettings, storage::Storage, stream_info::StreamInfo},
    notices::Notices,
    requests::Requests,
};
use crate::{
    error::ConfigError,
    lease::Observation,
    names::ElectionName,
    store::{
        bucket_watch::BucketWatch,
        error::{StoreError, WriteError},
        lease_store::Request,
        shard_store::ShardStore,
    },
};

/// All keys of a NATS JetStream KeyValue bucket, which is used for nothing else.
///
/// [`prepare`](ShardStore::prepare) creates the bucket, or rejects one that cannot keep ownership records: the
/// [guide](crate::guide::nats#buckets-of-shards) lists what it must be like, and the permissions.
///
/// - **Watches.** Each watch is a consumer from which this client pulls, a limited number of messages at a time. So a
///   bucket may have any number of keys.
/// - **Reconnects.** A restarted server may have lost the record at the revision that a node expects, and given that
///   revision to another record. So after a reconnect, a write of a key fails with [`StoreError::Disconnected`] until
///   the key was read on the new connection, or a watch on it has delivered the key, or a watch from the start has
///   delivered the whole bucket. Keys without writes cost nothing.
/// - **Removal.** The server removes a record after `removed_after`, rounded up to a second, if the bucket has
///   `allow_msg_ttl`. Servers before 2.11 keep it.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use noleader::store::{JetStreamShards, ShardStore};
///
/// let client = async_nats::connect("localhost:4222").await?;
/// let store = JetStreamShards::new(client, "order_shards").replicas(3);
/// store.prepare(std::time::Duration::from_secs(15)).await?;
/// let revision = store.write("o.17", 0, b"{}".to_vec(), None).await?;
/// assert_eq!(store.read("o.17").await?.revision(), revision);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a store does nothing until a node uses it"]
pub struct JetStreamShards {
    requests: Requests,
    settings: BucketSettings,
    /// Parsed from the settings at the first use.
    bucket: OnceLock<Bucket>,
    /// Whether the bucket accepts records that the server removes, when it was last looked at.
    removes: Arc<AtomicBool>,
    notices: Notices,
}

impl JetStreamShards {
    /// Creates a store on the bucket `bucket`.
    ///
    /// The name is checked when the store is used.
    pub fn new(client: Client, bucket: impl Into<String>) -> Self {
        Self::with_settings(client, BucketSettings::of_shards(bucket))
    }

    pub(crate) fn with_settings(client: Client, settings: BucketSettings) -> Self {
        Self {
            requests: Requests::new(client),
            settings,
            bucket: OnceLock::new(),
            removes: Arc::default(),
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

    /// Sets whether to create the bucket if it does not exist, at the start and if it vanishes later.
    ///
    /// Default: `true`.
    pub fn create_bucket(self, create: bool) -> Self {
        self.with(|settings| settings.create_bucket(create))
    }

    /// Sets the number of replicas, from 1 to 5, if this node creates the bucket.
    ///
    /// Default: 1. If the bucket exists with another number of replicas, the node uses it and logs a warning.
    pub fn replicas(self, replicas: usize) -> Self {
        self.with(|settings| settings.replicas(replicas))
    }

    /// Sets where the bucket keeps its data, if this node creates it.
    ///
    /// Default: [`Storage::File`]. If the bucket exists with another storage, the node uses it and logs a warning.
    pub fn storage(self, storage: Storage) -> Self {
        self.with(|settings| settings.storage(storage))
    }

    fn reached(mut self, by: impl FnOnce(Requests) -> Requests) -> Self {
        self.requests = by(self.requests);
        self.bucket = OnceLock::new();
        self
    }

    fn with(mut self, change: impl FnOnce(BucketSettings) -> BucketSettings) -> Self {
        self.settings = change(self.settings);
        self.bucket = OnceLock::new();
        self
    }

    fn bucket(&self) -> Result<&Bucket, ConfigError> {
        if let Some(bucket) = self.bucket.get() {
            return Ok(bucket);
        }
        let bucket = self.settings.bucket()?;
        self.requests.check()?;
        Ok(self.bucket.get_or_init(|| bucket))
    }

    async fn check_or_create(&self, bucket: &Bucket) -> Result<(), StoreError> {
        let info = bucket.check_or_create(&self.requests, &ManyKeys).await?;
        self.note(&info);
        Ok(())
    }

    fn note(&self, found: &StreamInfo) {
        let removes = found.config.allow_msg_ttl;
        self.removes.store(removes, Ordering::Relaxed);
    }
}

impl ShardStore for JetStreamShards {
    fn name(&self) -> ElectionName {
        self.settings.name()
    }

    async fn prepare(&self, _lease: Duration) -> Result<(), StoreError> {
        let bucket = self.bucket()?;
        self.requests.check_server(&self.notices)?;
        self.check_or_create(bucket).await
    }

    async fn read(&self, key: &str) -> Result<Observation, StoreError> {
        let bucket = self.bucket()?;
        let missing = self.check_or_create(bucket);
        self.requests.read(bucket, key, missing).await
    }

    async fn write(
        &self,
        key: &str,
        expected: u64,
        value: Vec<u8>,
        removed_after: Option<Duration>,
    ) -> Result<u64, WriteError> {
        let bucket = self
            .bucket()
            .map_err(|error| WriteError::Failed(error.into()))?;
        let removed_after = removed_after.filter(|_| self.removes.load(Ordering::Relaxed));
        let key = (key, expected);
        self.requests.write(bucket, key, value, removed_after).await
    }

    async fn watch(&self, after: u64) -> Result<BucketWatch, StoreError> {
        let (watch, info) = watch::open(&self.requests, self.bucket()?, after).await?;
        self.note(&info);
        Ok(watch)
    }

    fn unanswered(&self, request: Request, key: &str, waited: Duration) -> StoreError {
        match self.bucket() {
            Ok(bucket) => StoreError::NoAnswer {
                subject: self.requests.subject_of(request, bucket, key),
                waited,
            },
            Err(error) => error.into(),
        }
    }
}
