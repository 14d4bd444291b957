use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::stream;
use tokio::sync::watch;

use super::{
    error::{StoreError, WriteError},
    lease_store::LeaseStore,
    watch::{Epoch, Watch},
};
use crate::{lease::Observation, names::ElectionName};

/// A store in memory, with the semantics of a key in a bucket, for tests and for services with a single node.
///
/// Clones share one key: handles that are started on clones of one store elect a leader. Feature `test-util` adds
/// faults: an outage, a foreign write and a deletion.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use noleader::{LeaderHandle, store::Memory};
///
/// let store = Memory::new();
/// let a = LeaderHandle::with_store(store.clone()).dangerous_trust_absent_key(true).start().await?;
/// let b = LeaderHandle::with_store(store).dangerous_trust_absent_key(true).start().await?;
/// tokio::select! {
///     term = a.elected() => assert!(term?.is_current()),
///     term = b.elected() => assert!(term?.is_current()),
/// }
/// assert!(!(a.is_leader() && b.is_leader()));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Memory {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: ElectionName,
    key: watch::Sender<Observation>,
    /// Locked from each compare to its set.
    outage: Mutex<bool>,
}

impl Memory {
    /// Creates an empty store for an election with the bucket `memory` and the key `leader`.
    #[must_use]
    pub fn new() -> Self {
        Self::named(ElectionName::new("memory", "leader"))
    }

    /// Creates an empty store for an election with this name.
    #[must_use]
    pub fn named(name: ElectionName) -> Self {
        Self {
            inner: Arc::new(Inner {
                name,
                key: watch::Sender::new(Observation::absent()),
                outage: Mutex::new(false),
            }),
        }
    }

    /// Starts an outage, or ends it with `false`. During an outage, reads and writes fail and watches are silent.
    #[cfg(feature = "test-util")]
    pub fn set_outage(&self, outage: bool) {
        *self.lock() = outage;
        // Wakes the watches, which check the outage too.
        self.inner.key.send_modify(|_| {});
    }

    /// Writes the key unconditionally, as another client of the bucket could, and returns the new revision.
    #[cfg(feature = "test-util")]
    pub fn overwrite(&self, value: impl Into<Vec<u8>>) -> u64 {
        let _lock = self.lock();
        self.put(Some(value.into()))
    }

    /// Deletes the key, and returns the revision of the marker that this leaves.
    #[cfg(feature = "test-util")]
    #[allow(clippy::must_use_candidate, reason = "it is called for what it does")]
    pub fn delete(&self) -> u64 {
        let _lock = self.lock();
        self.put(None)
    }

    /// Returns the state of the key.
    #[must_use]
    pub fn get(&self) -> Observation {
        self.inner.key.borrow().clone()
    }

    fn put(&self, value: Option<Vec<u8>>) -> u64 {
        let revision = self.get().revision() + 1;
        self.inner
            .key
            .send_replace(Observation::new(revision, value));
        revision
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        // A panic cannot leave the flag invalid.
        self.inner
            .outage
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl LeaseStore for Memory {
    fn name(&self) -> ElectionName {
        self.inner.name.clone()
    }

    async fn prepare(&self, _lease: Duration) -> Result<(), StoreError> {
        Ok(())
    }

    async fn read(&self) -> Result<Observation, StoreError> {
        if *self.lock() {
            return Err(StoreError::Disconnected);
        }
        Ok(self.get())
    }

    async fn write(&self, expected: u64, value: Vec<u8>) -> Result<u64, WriteError> {
        let outage = self.lock();
        if *outage {
            return Err(WriteError::Failed(StoreError::Disconnected));
        }
        if self.get().revision() != expected {
            return Err(WriteError::Conflict);
        }
        Ok(self.put(Some(value)))
    }

    async fn watch(&self) -> Result<Watch, StoreError> {
        let mut key = self.inner.key.subscribe();
        key.mark_changed();
        let store = self.clone();
        let changes = stream::unfold((store, key), |(store, mut key)| async move {
            loop {
                key.changed().await.ok()?;
                let seen = key.borrow_and_update().clone();
                if seen.revision() > 0 && !*store.lock() {
                    return Some((Ok(seen), (store, key)));
                }
            }
        });
        Ok(Watch::new(Epoch::ONLY, changes))
    }
}

#[cfg(all(test, feature = "test-util"))]
mod tests {
    use super::*;
    use futures_util::StreamExt;

    #[tokio::test]
    async fn writes_compare_and_set() {
        let store = Memory::new();
        assert_eq!(store.write(0, b"a".to_vec()).await.unwrap(), 1);
        assert!(matches!(
            store.write(0, b"b".to_vec()).await,
            Err(WriteError::Conflict)
        ));
        assert_eq!(store.write(1, b"b".to_vec()).await.unwrap(), 2);
        assert_eq!(store.delete(), 3);
        assert_eq!(store.read().await.unwrap().value(), None);
        assert_eq!(store.write(3, b"c".to_vec()).await.unwrap(), 4);
    }

    #[tokio::test]
    async fn a_watch_starts_with_the_current_content() {
        let store = Memory::new();
        store.overwrite("a");
        let mut watch = store.watch().await.unwrap();
        assert_eq!(watch.next().await.unwrap().unwrap().revision(), 1);
        store.set_outage(true);
        assert!(matches!(store.read().await, Err(StoreError::Disconnected)));
        store.overwrite("b");
        store.overwrite("c");
        store.set_outage(false);
        assert_eq!(watch.next().await.unwrap().unwrap().revision(), 3);
    }
}
