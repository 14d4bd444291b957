use std::{num::NonZeroUsize, time::Duration};

/// The settings of the placement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PlacementSettings {
    /// The number of shards.
    pub shards: u32,
    /// How long a node has to be alive before shards are given to it: two leases.
    pub proven_after: Duration,
    /// How long a node that starts waits before it claims what was not its own, so that nodes that start together do not
    /// move everything twice.
    pub start_wait: Duration,
    /// How long the first node in a shard's order has to claim it before the second does. It doubles for each further
    /// one.
    pub patience: Duration,
    /// The number of shards that a node gives away at once.
    pub moves_at_once: NonZeroUsize,
}

impl PlacementSettings {
    /// The default settings for this lease.
    #[must_use]
    pub(crate) fn new(shards: u32, lease: Duration) -> Self {
        const MOVES_AT_ONCE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(7);
        Self {
            shards,
            proven_after: lease * 2,
            start_wait: Duration::from_secs(2),
            patience: Duration::from_secs(1),
            moves_at_once: MOVES_AT_ONCE,
        }
    }
}
