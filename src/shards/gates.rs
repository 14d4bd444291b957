use std::{sync::Arc, time::Duration};

use crate::{
    sync::ArcSwapOption,
    task::{Admission, Gate, Term},
};

/// The gates of all shards. A shard that this node has never led costs one pointer.
#[derive(Debug)]
pub(super) struct Gates(Box<[ArcSwapOption<Gate>]>);

impl Gates {
    pub(super) fn new(shards: u32) -> Self {
        Self((0..shards).map(|_| ArcSwapOption::empty()).collect())
    }

    /// Admits a request to a shard whose gate is open at this instant. Wait-free.
    #[inline]
    pub(super) fn admit(&self, shard: u32, min_remaining: Duration) -> Option<Admission> {
        let gate = self.0.get(shard as usize)?.load();
        gate.as_ref()?.admit(min_remaining)
    }

    /// The term under which the gate of a shard is open at this instant.
    pub(super) fn term(&self, shard: u32) -> Option<Term> {
        self.gate(shard)?.term()
    }

    /// The gate of a shard that this node leads, or has led.
    pub(super) fn gate(&self, shard: u32) -> Option<Arc<Gate>> {
        self.0.get(shard as usize)?.load_full()
    }

    /// The gate of a shard that this node is about to lead.
    pub(super) fn create(&self, shard: u32) -> Option<Arc<Gate>> {
        let slot = self.0.get(shard as usize)?;
        if let Some(gate) = slot.load_full() {
            return Some(gate);
        }
        let gate = Arc::new(Gate::new());
        slot.store(Some(gate.clone()));
        Some(gate)
    }

    /// Removes the gate of a shard that this node no longer leads, unless requests are still inside.
    pub(super) fn remove(&self, shard: u32) {
        let Some(slot) = self.0.get(shard as usize) else {
            return;
        };
        let is_empty = |gate: Arc<Gate>| gate.begun().is_none() && gate.draining() == 0;
        if slot.load_full().is_some_and(is_empty) {
            slot.store(None);
        }
    }
}
