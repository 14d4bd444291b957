//! When to look at a shard or a node again.

use std::collections::BTreeSet;

use crate::clock::Moment;

/// No look is planned.
pub(in crate::shards) const NEVER: Moment = Moment::from_nanos(u64::MAX);

/// Times at which to look at something again, at most one each. What has such a time remembers it in a slot, so that it
/// can be moved without a search.
#[cfg_attr(test, derive(Clone))]
#[derive(Debug)]
pub(in crate::shards) struct Due<K>(BTreeSet<(Moment, K)>);

impl<K> Default for Due<K> {
    fn default() -> Self {
        Self(BTreeSet::new())
    }
}

impl<K: Copy + Ord> Due<K> {
    pub(in crate::shards) fn plan(&mut self, key: K, slot: &mut Moment, at: Moment) {
        if *slot == at {
            return;
        }
        self.0.remove(&(*slot, key));
        *slot = at;
        if at != NEVER {
            self.0.insert((at, key));
        }
    }

    pub(in crate::shards) fn first(&self) -> Option<Moment> {
        self.0.first().map(|(at, _)| *at)
    }

    /// The key that is due first, if it is due. Its slot still has its time.
    pub(in crate::shards) fn next(&self, now: Moment) -> Option<K> {
        let (at, key) = self.0.first()?;
        (*at <= now).then_some(*key)
    }
}
