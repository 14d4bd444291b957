//! The errors of a handle.

use std::{fmt, time::Duration};

use thiserror::Error;

/// The election has stopped on this node, which will not lead again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the election has stopped on this node: {}", reason.explanation())]
pub struct Stopped {
    reason: StopReason,
}

impl Stopped {
    pub(crate) fn new(reason: StopReason) -> Self {
        Self { reason }
    }

    /// Why the election has stopped.
    #[must_use]
    pub fn reason(&self) -> StopReason {
        self.reason
    }
}

/// Why an election has stopped on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StopReason {
    /// It was [shut down](crate::LeaderHandle::shutdown), or its last handle was dropped.
    Shutdown,
    /// The client of the store is closed: another part of the program has drained it, or it has used up its
    /// `max_reconnects`. The process needs a new client and a new handle.
    ClientClosed,
    /// The background task ended early, through a panic or with its runtime.
    TaskEnded,
}

impl StopReason {
    /// The reason as in the response of [`liveness`](crate::LeaderHandle::liveness), for example `client_closed`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shutdown => "shutdown",
            Self::ClientClosed => "client_closed",
            Self::TaskEnded => "task_ended",
        }
    }

    fn explanation(self) -> &'static str {
        match self {
            Self::Shutdown => "it was shut down",
            Self::ClientClosed => {
                "the NATS client was drained, or has used up its `max_reconnects`"
            }
            Self::TaskEnded => "its background task panicked, or the runtime ended",
        }
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

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
