use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use tokio::sync::{Notify, futures::OwnedNotified};

/// Wakes the tasks that wait for a change of one shard. A shard without waiters costs nothing.
#[derive(Debug, Default)]
pub(super) struct Changes(Mutex<HashMap<u32, Weak<Notify>>>);

/// The changes of one shard.
#[derive(Clone, Debug)]
pub(crate) struct ShardChanges(Arc<Notify>);

impl Changes {
    pub(super) fn of(&self, shard: u32) -> ShardChanges {
        let mut all = self.lock();
        if let Some(changes) = all.get(&shard).and_then(Weak::upgrade) {
            return ShardChanges(changes);
        }
        let changes = Arc::new(Notify::new());
        all.insert(shard, Arc::downgrade(&changes));
        ShardChanges(changes)
    }

    /// Wakes the waiters of one shard.
    pub(super) fn wake(&self, shard: u32) {
        let mut all = self.lock();
        let waiting = all.get(&shard).map(Weak::upgrade);
        match waiting {
            Some(Some(changes)) => changes.notify_waiters(),
            Some(None) => drop(all.remove(&shard)),
            None => {}
        }
    }

    /// Wakes all waiters.
    pub(super) fn wake_all(&self) {
        for changes in self.lock().values().filter_map(Weak::upgrade) {
            changes.notify_waiters();
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u32, Weak<Notify>>> {
        // A panic cannot leave the map invalid.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ShardChanges {
    /// Resolves at the next change after this call.
    pub(crate) fn next(&self) -> OwnedNotified {
        self.0.clone().notified_owned()
    }
}
