use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;

use super::error::StoreError;
use crate::lease::Observation;

/// A watch of the key: a stream of its changes, or of errors, after which it may go on or end.
#[must_use = "streams do nothing unless polled"]
pub struct Watch {
    epoch: Epoch,
    changes: Changes,
}

type Changes = Pin<Box<dyn Stream<Item = Result<Observation, StoreError>> + Send>>;

/// Names one life of a bucket: its creation time, say. A bucket that was deleted and created again has another one,
/// and its revisions may repeat those of the earlier life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(u64);

impl Epoch {
    /// The epoch of a bucket that cannot be deleted and created again while a candidate lives.
    pub const ONLY: Self = Self(0);

    /// The epoch of the bucket that was created at this time, in any unit.
    #[must_use]
    pub const fn new(created_at: u64) -> Self {
        Self(created_at)
    }
}

impl Watch {
    /// A watch of a key in the bucket whose epoch is `epoch`. The epoch is read after the watch was opened, so that
    /// nothing that the watch shows belongs to an earlier one.
    pub fn new(
        epoch: Epoch,
        changes: impl Stream<Item = Result<Observation, StoreError>> + Send + 'static,
    ) -> Self {
        Self {
            epoch,
            changes: Box::pin(changes),
        }
    }

    /// The epoch of the bucket that is watched.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }
}

/// The changes of the key, beginning with its present content if it has one.
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
