//! The bucket: one stream with the last message of each key, reads that may be stale, and what was ever written.

use std::collections::BTreeMap;

use super::super::super::*;
use crate::lease::{Observation, Outcome};

#[derive(Default)]
pub(super) struct Store {
    pub(super) last: u64,
    pub(super) keys: BTreeMap<Key, Observation>,
    /// When each key changed, and to what.
    history: BTreeMap<Key, Vec<(u64, Observation)>>,
}

impl Store {
    pub(super) fn get(&self, key: &Key) -> Observation {
        self.keys.get(key).cloned().unwrap_or(Observation::absent())
    }

    /// When the key got the content that its last write replaced.
    pub(super) fn changed_before(&self, key: &Key) -> u64 {
        let before = self.history.get(key).and_then(|h| h.iter().rev().nth(1));
        before.map_or(0, |(at, _)| *at)
    }

    /// Every state of the key.
    pub(super) fn ever(&self, key: &Key) -> impl Iterator<Item = &Observation> {
        let history = self.history.get(key).map_or(&[][..], Vec::as_slice);
        history.iter().map(|(_, seen)| seen)
    }

    /// The state of the key at an earlier time.
    pub(super) fn at(&self, key: &Key, time: u64) -> Observation {
        let history = self.history.get(key).map_or(&[][..], Vec::as_slice);
        let earlier = history.iter().rev().find(|(at, _)| *at <= time);
        earlier.map_or(Observation::absent(), |(_, seen)| seen.clone())
    }

    pub(super) fn compare_and_set(
        &mut self,
        now: u64,
        key: &Key,
        expected: u64,
        value: Vec<u8>,
    ) -> Outcome {
        if self.get(key).revision() != expected {
            return Outcome::Conflict;
        }
        self.put(now, key, Some(value));
        Outcome::Acknowledged(self.last)
    }

    /// Writes a message, or the marker of a deletion.
    pub(super) fn put(&mut self, now: u64, key: &Key, value: Option<Vec<u8>>) {
        self.last += 1;
        let seen = Observation::new(self.last, value);
        self.keys.insert(key.clone(), seen.clone());
        self.remember(now, key, seen);
    }

    /// Removes the message of a key without a trace.
    pub(super) fn purge(&mut self, now: u64, key: &Key) {
        if self.keys.remove(key).is_some() {
            self.remember(now, key, Observation::absent());
        }
    }

    fn remember(&mut self, now: u64, key: &Key, seen: Observation) {
        self.history
            .entry(key.clone())
            .or_default()
            .push((now, seen));
    }

    /// The messages after a sequence, in order.
    pub(super) fn after(&self, sequence: u64) -> Vec<(Key, Observation)> {
        let later = self.keys.iter().filter(|(_, o)| o.revision() > sequence);
        let mut later: Vec<_> = later.map(|(k, o)| (k.clone(), o.clone())).collect();
        later.sort_by_key(|(_, o)| o.revision());
        later
    }

    pub(super) fn session(&self, node: &crate::names::NodeId) -> Option<SessionId> {
        let seen = self.get(&Key::Session(node.clone()));
        SessionRecord::decode(seen.value()?).ok()?.session()
    }

    pub(super) fn owner(&self, shard: u32) -> Option<Ownership> {
        let seen = self.get(&Key::Shard(shard));
        Ownership::decode(seen.revision(), seen.value()?).ok()
    }
}
