use std::time::Duration;

use crate::{
    names::{Address, ElectionName},
    runtime::Runtime,
};

/// What a gate needs of its node, whichever election decides.
///
/// [`LeaderHandle`](crate::LeaderHandle) implements it. Its methods are not part of the public API.
pub trait Node {
    /// The name in the marks of forwarded requests. It distinguishes the election, or the whole set of shards, from all
    /// others.
    #[doc(hidden)]
    fn name(&self) -> &ElectionName;

    /// The address that this node publishes.
    #[doc(hidden)]
    fn own_address(&self) -> Option<&Address>;

    /// Time, tasks and random numbers.
    #[doc(hidden)]
    fn runtime(&self) -> &Runtime;

    /// The minimum of a lease that is left just before a renewal, while the store responds at once.
    #[doc(hidden)]
    fn always_left(&self) -> Duration;
}
