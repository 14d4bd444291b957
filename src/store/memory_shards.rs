use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::stream;
use tokio::sync::watch;

use super::{
    bucket_watch::{BucketWatch, Delivery},
    error::{StoreError, WriteError},
    shard_store::ShardStore,
    watch::Epoch,
};
use crate::{lease::Observation, names::ElectionName};

/// A store of many keys in memory, with the semantics of a bucket, for tests and for services with a single node.
///
/// Clones share the bucket. Records are never removed by the store itself. Feature `test-util` adds faults: an outage,
/// foreign writes and deletions, and a bucket that is created again.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use futures_util::StreamExt;
/// use noleader::store::{Delivery, MemoryShards, ShardStore};
///
/// let store = MemoryShards::new();
/// store.write("o.17", 0, b"a".to_vec(), None).await?;
/// let mut watch = store.watch(0).await?;
/// let first = watch.next().await.unwrap()?;
/// assert!(matches!(first, Delivery::Record { index: 1, key, .. } if key == "o.17"));
/// assert_eq!(watch.next().await.unwrap()?, Delivery::CaughtUp { index: 1 });
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct MemoryShards {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: ElectionName,
    /// Locked from each compare to its set.
    bucket: Mutex<Bucket>,
    /// Wakes the watches.
    changes: watch::Sender<()>,
}

#[derive(Debug)]
struct Bucket {
    epoch: u64,
    /// The last revision, also if its record was removed.
    last: u64,
    /// The last revision of each key.
    revisions: HashMap<String, u64>,
    /// The current records by revision. A deleted key has no value.
    records: BTreeMap<u64, (String, Option<Vec<u8>>)>,
    is_out: bool,
}

/// A watch that was opened.
struct Watching {
    store: MemoryShards,
    changes: watch::Receiver<()>,
    epoch: u64,
    /// The revision up to which it was delivered.
    after: u64,
    index: u64,
    /// The last revision when it was opened, until it has caught up.
    catching_up: Option<u64>,
}

impl MemoryShards {
    /// Creates an empty store with the name `memory`.
    #[must_use]
    pub fn new() -> Self {
        Self::named("memory")
    }

    /// Creates an empty store for a bucket of this name.
    #[must_use]
    pub fn named(bucket: &str) -> Self {
        Self {
            inner: Arc::new(Inner {
                name: ElectionName::new(bucket, "shards"),
                bucket: Mutex::new(Bucket {
                    epoch: 0,
                    last: 0,
                    revisions: HashMap::new(),
                    records: BTreeMap::new(),
                    is_out: false,
                }),
                changes: watch::Sender::new(()),
            }),
        }
    }

    /// Starts an outage, or ends it with `false`. During an outage, requests fail and open watches are silent.
    #[cfg(feature = "test-util")]
    pub fn set_outage(&self, outage: bool) {
        self.change(|bucket| bucket.is_out = outage);
    }

    /// Writes a key unconditionally, as another client of the bucket could, and returns the new revision.
    #[cfg(feature = "test-util")]
    pub fn overwrite(&self, key: &str, value: impl Into<Vec<u8>>) -> u64 {
        self.change(|bucket| bucket.put(key, Some(value.into())))
    }

    /// Deletes a key, and returns the revision of the marker that this leaves.
    #[cfg(feature = "test-util")]
    #[allow(clippy::must_use_candidate, reason = "it is called for what it does")]
    pub fn delete(&self, key: &str) -> u64 {
        self.change(|bucket| bucket.put(key, None))
    }

    /// Removes what is in a key, and leaves no marker. Watches deliver nothing.
    #[cfg(feature = "test-util")]
    pub fn remove(&self, key: &str) {
        self.change(|bucket| {
            if let Some(revision) = bucket.revisions.remove(key) {
                bucket.records.remove(&revision);
            }
        });
    }

    /// Deletes the bucket and creates it again: empty, with another epoch and larger revisions. Open watches end.
    #[cfg(feature = "test-util")]
    pub fn recreate(&self) {
        self.change(|bucket| {
            bucket.epoch += 1;
            bucket.revisions.clear();
            bucket.records.clear();
        });
    }

    /// Returns the state of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Observation {
        self.lock().get(key)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Bucket) -> T) -> T {
        let changed = change(&mut self.lock());
        self.inner.changes.send_replace(());
        changed
    }

    fn lock(&self) -> MutexGuard<'_, Bucket> {
        // A panic cannot leave the bucket invalid.
        let bucket = self.inner.bucket.lock();
        bucket.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bucket {
    fn get(&self, key: &str) -> Observation {
        let revision = self.revisions.get(key);
        let record = revision.and_then(|revision| Some((*revision, self.records.get(revision)?)));
        record.map_or(Observation::absent(), |(revision, (_, value))| {
            Observation::new(revision, value.clone())
        })
    }

    fn put(&mut self, key: &str, value: Option<Vec<u8>>) -> u64 {
        self.last += 1;
        let replaced = self.revisions.insert(key.to_owned(), self.last);
        if let Some(replaced) = replaced {
            self.records.remove(&replaced);
        }
        self.records.insert(self.last, (key.to_owned(), value));
        self.last
    }
}

impl Watching {
    async fn next(mut self) -> Option<(Result<Delivery, StoreError>, Option<Self>)> {
        loop {
            match self.take() {
                Some(Ok(delivery)) => return Some((Ok(delivery), Some(self))),
                Some(Err(error)) => return Some((Err(error), None)),
                // The store is not dropped before its watches.
                None => self.changes.changed().await.ok()?,
            }
        }
    }

    /// The next delivery, if there is one.
    fn take(&mut self) -> Option<Result<Delivery, StoreError>> {
        let bucket = self.store.lock();
        if bucket.epoch != self.epoch {
            return Some(Err(StoreError::Request("the bucket was recreated".into())));
        }
        if bucket.is_out {
            return None;
        }
        let next = bucket.records.range(self.after.saturating_add(1)..).next();
        let is_caught_up = |last| next.is_none_or(|(revision, _)| *revision > last);
        if self
            .catching_up
            .take_if(|last| is_caught_up(*last))
            .is_some()
        {
            return Some(Ok(Delivery::CaughtUp { index: self.index }));
        }
        let (revision, (key, value)) = next?;
        self.after = *revision;
        self.index += 1;
        Some(Ok(Delivery::Record {
            index: self.index,
            key: key.clone(),
            seen: Observation::new(*revision, value.clone()),
        }))
    }
}

impl Default for MemoryShards {
    fn default() -> Self {
        Self::new()
    }
}

impl ShardStore for MemoryShards {
    fn name(&self) -> ElectionName {
        self.inner.name.clone()
    }

    async fn prepare(&self, _lease: Duration) -> Result<(), StoreError> {
        Ok(())
    }

    async fn read(&self, key: &str) -> Result<Observation, StoreError> {
        let bucket = self.lock();
        if bucket.is_out {
            return Err(StoreError::Disconnected);
        }
        Ok(bucket.get(key))
    }

    async fn write(
        &self,
        key: &str,
        expected: u64,
        value: Vec<u8>,
        _removed_after: Option<Duration>,
    ) -> Result<u64, WriteError> {
        self.change(|bucket| {
            if bucket.is_out {
                return Err(WriteError::Failed(StoreError::Disconnected));
            }
            if bucket.get(key).revision() != expected {
                return Err(WriteError::Conflict);
            }
            Ok(bucket.put(key, Some(value)))
        })
    }

    async fn watch(&self, after: u64) -> Result<BucketWatch, StoreError> {
        let changes = self.inner.changes.subscribe();
        let bucket = self.lock();
        if bucket.is_out {
            return Err(StoreError::Disconnected);
        }
        let (epoch, last) = (bucket.epoch, bucket.last);
        let watching = Watching {
            store: self.clone(),
            changes,
            epoch,
            after,
            index: 0,
            catching_up: Some(last),
        };
        let deliveries = stream::unfold(Some(watching), async |watching| watching?.next().await);
        Ok(BucketWatch::new(Epoch::new(epoch), last, deliveries))
    }
}
