use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;

use super::error::StoreError;
use crate::lease::Observation;

/// A watch of the key: a stream of changes and errors.
///
/// The stream may end or continue after an error.
#[must_use = "streams do nothing unless polled"]
pub struct Watch {
    epoch: Epoch,
    changes: Changes,
}

type Changes = Pin<Box<dyn Stream<Item = Result<Observation, StoreError>> + Send>>;

/// The identity of a bucket over its lifetime, for example its creation time.
///
/// A recreated bucket has another epoch, and its revisions may repeat earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(u64);

impl Epoch {
    /// The epoch of a bucket that cannot be recreated while a candidate runs.
    pub const ONLY: Self = Self(0);

    /// The epoch of a bucket that was created at this time, in any unit.
    #[must_use]
    pub const fn new(created_at: u64) -> Self {
        Self(created_at)
    }

    pub(crate) const fn created_at(self) -> u64 {
        self.0
    }
}

impl Watch {
    /// Creates a watch from its changes and the bucket's epoch.
    ///
    /// Read the epoch before and after the watch is opened, and fail if it has changed, so that no change belongs to
    /// another epoch.
    pub fn new(
        epoch: Epoch,
        changes: impl Stream<Item = Result<Observation, StoreError>> + Send + 'static,
    ) -> Self {
        Self {
            epoch,
            changes: Box::pin(changes),
        }
    }

    /// The bucket's epoch.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }
}

/// The changes of the key, starting with its current content if it has one.
impl Stream for Watch {
    type Item = Result<Observation, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.changes.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}
