use std::error::Error;

use thiserror::Error;

use crate::{
    StartError,
    error::{ReleaseError, Stopped},
};

pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// Why a work loop returned.
#[derive(Debug, Error)]
pub enum RunError {
    /// The closure failed.
    #[error("the leader's work failed")]
    Work(#[source] BoxError),
    /// A clone of this [`Leader`](crate::Leader) campaigns already.
    #[error("this leader campaigns already; run one `start` or `acquire_and_run` at a time")]
    AlreadyRunning,
    /// The election could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The lease could not be released.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// The election's task ended before its time, by a panic or with its runtime: this node will not lead any more.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}
