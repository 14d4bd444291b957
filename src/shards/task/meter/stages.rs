use std::{collections::BTreeMap, time::Duration};

use crate::clock::Moment;

/// What this node does with a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Warming,
    Open,
    Draining { since: Moment },
}

/// The shards that this node holds.
#[derive(Debug, Default)]
pub(super) struct Stages {
    shards: BTreeMap<u32, Stage>,
    counts: [usize; 3],
}

impl Stage {
    fn index(self) -> usize {
        match self {
            Self::Warming => 0,
            Self::Open => 1,
            Self::Draining { .. } => 2,
        }
    }

    /// For how long it has drained.
    pub(super) fn drained(self, now: Moment) -> Option<Duration> {
        match self {
            Self::Draining { since } => Some(now.saturating_since(since)),
            Self::Warming | Self::Open => None,
        }
    }
}

impl Stages {
    /// The numbers of shards that warm up, are open, and drain.
    pub(super) fn counts(&self) -> [usize; 3] {
        self.counts
    }

    /// Sets what this node does with a shard. Returns what it did before.
    pub(super) fn set(&mut self, shard: u32, stage: Stage) -> Option<Stage> {
        let former = self.shards.insert(shard, stage);
        self.counts[stage.index()] += 1;
        self.leave(former)
    }

    pub(super) fn remove(&mut self, shard: u32) -> Option<Stage> {
        let former = self.shards.remove(&shard);
        self.leave(former)
    }

    pub(super) fn clear(&mut self) -> impl Iterator<Item = Stage> + use<> {
        self.counts = [0; 3];
        std::mem::take(&mut self.shards).into_values()
    }

    /// Shuts all shards. Returns how many were open.
    pub(super) fn drain_all(&mut self, now: Moment) -> usize {
        let open = self.counts[Stage::Open.index()];
        for stage in self.shards.values_mut() {
            if !matches!(stage, Stage::Draining { .. }) {
                *stage = Stage::Draining { since: now };
            }
        }
        self.counts = [0, 0, self.shards.len()];
        open
    }

    fn leave(&mut self, former: Option<Stage>) -> Option<Stage> {
        if let Some(former) = former {
            self.counts[former.index()] -= 1;
        }
        former
    }
}
