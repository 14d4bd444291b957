use std::time::Duration;

use crate::{
    names::{Address, ElectionName},
    runtime::Runtime,
};

/// What a gate needs of its node, whichever election decides.
pub trait Node {
    /// The name in the marks of forwarded requests. It distinguishes the election, or the whole set of shards, from all
    /// others.
    fn name(&self) -> &ElectionName;

    /// The address that this node publishes.
    fn own_address(&self) -> Option<&Address>;

    /// Time, tasks and random numbers.
    fn runtime(&self) -> &Runtime;

    /// The minimum of a lease that is left just before a renewal, while the store responds at once.
    fn always_left(&self) -> Duration;
}
