//! The errors of a handle.

use std::time::Duration;

use thiserror::Error;

/// The election has stopped on this node, which will not lead again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the election has stopped on this node")]
#[non_exhaustive]
pub struct Stopped;

/// An error from [`step_down`](crate::LeaderHandle::step_down) or [`shutdown`](crate::LeaderHandle::shutdown).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// The store did not acknowledge the release in time.
    ///
    /// The gate is closed, and another node takes over when the lease expires, within this time.
    #[error("could not release the lease; it expires within {0:?}")]
    LeftToExpire(Duration),
    /// The election had already stopped.
    #[error("the election has stopped on this node")]
    Stopped,
}
