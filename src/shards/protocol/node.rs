//! The identity and the settings of a node.

use std::time::Duration;

use super::config::{Config, Hash};
use crate::{
    lease::Timing,
    names::{Address, NodeId},
};

/// The shortest lease of a session. The watch has to deliver each renewal in a part of it.
pub const MIN_SESSION_LEASE: Duration = Duration::from_secs(2);

/// How long an acknowledged renewal may be missing from a watch, at least.
const MIN_STALL: Duration = Duration::from_millis(250);

/// The identity and the settings of a node.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name, which stays the same over restarts.
    pub id: NodeId,
    /// The address that it publishes.
    pub address: Option<Address>,
    /// Its part of the shards, compared with the weights of the others.
    pub weight: u32,
    /// The instance lock that this process holds.
    pub lock: Option<String>,
    /// Its time settings.
    pub timing: Timing,
    /// The number of shards.
    pub shards: u32,
    /// Whether a warm-up runs between the claim of a shard and the opening of its gate.
    pub warm_up: bool,
    /// The number of requests that may be in progress at once, besides the one for the own session. At least 1.
    pub max_requests: usize,
}

impl Node {
    /// What all nodes must agree on.
    #[must_use]
    pub fn config(&self) -> Config {
        Config {
            shards: self.shards,
            lease_ms: self.lease_ms(),
            hash: Hash::Xxh64,
        }
    }

    pub(super) fn lease_ms(&self) -> u64 {
        u64::try_from(self.timing.lease.as_millis()).unwrap_or(u64::MAX)
    }

    /// How long a watch may take to deliver an acknowledged renewal before it is replaced.
    pub(super) fn stall(&self) -> Duration {
        (self.timing.lease / 15).max(MIN_STALL)
    }
}
