//! What several tests use.

use std::time::Duration;

use super::super::*;
use crate::{clock::Moment, names::NodeId};

pub(super) const LEASE: Duration = Duration::from_secs(15);

pub(super) fn id(name: &str) -> NodeId {
    NodeId::parse(name).unwrap()
}

/// The moment that many milliseconds after the start.
pub(super) fn at(ms: u64) -> Moment {
    Moment::from_nanos(ms * 1_000_000)
}

pub(super) fn node(name: &str, weight: u32, since_ms: u64) -> LiveNode {
    LiveNode {
        id: id(name),
        weight,
        since: at(since_ms),
    }
}
