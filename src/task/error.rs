//! What the methods of a handle return.

use std::time::Duration;

use thiserror::Error;

/// The election has stopped on this node, which will not lead any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the election has stopped on this node")]
pub struct Stopped;

/// A lease was not handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// The store did not acknowledge the release in time. The gate is shut nevertheless, and another node takes over
    /// once the lease has expired, within this time.
    #[error("could not release the lease; it expires within {0:?}")]
    LeftToExpire(Duration),
    /// The election had stopped before.
    #[error("the election has stopped on this node")]
    Stopped,
}
