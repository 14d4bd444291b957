use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;

use super::{error::StoreError, watch::Epoch};
use crate::lease::Observation;

/// A watch of all keys of a bucket: a stream of deliveries, which ends with its first error.
///
/// See [`ShardStore::watch`](super::ShardStore::watch).
#[must_use = "streams do nothing unless polled"]
pub struct BucketWatch {
    epoch: Epoch,
    last: u64,
    deliveries: Deliveries,
}

type Deliveries = Pin<Box<dyn Stream<Item = Result<Delivery, StoreError>> + Send>>;

/// What a watch of a bucket delivers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The record of a key.
    Record {
        /// The number of the record in this watch, from 1, as counted where it was sent. If a number is missing, a
        /// record was lost.
        index: u64,
        /// The key.
        key: String,
        /// The state of the key. Without a value, it was deleted.
        seen: Observation,
    },
    /// Everything that was in the bucket when the watch was opened has been delivered.
    ///
    /// It is delivered once. A key that was not delivered in a watch from the start has no record.
    CaughtUp {
        /// The number of records that were delivered before.
        index: u64,
    },
}

impl BucketWatch {
    /// Creates a watch from its deliveries, the bucket's epoch, and the last revision in the bucket when the watch was
    /// opened.
    ///
    /// Read the epoch before and after the watch is opened, and fail if it has changed, so that no delivery belongs to
    /// another epoch.
    pub fn new(
        epoch: Epoch,
        last: u64,
        deliveries: impl Stream<Item = Result<Delivery, StoreError>> + Send + 'static,
    ) -> Self {
        Self {
            epoch,
            last,
            deliveries: Box::pin(deliveries),
        }
    }

    /// The bucket's epoch.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The last revision in the bucket when the watch was opened, also if its record has been removed.
    ///
    /// If it is less than a revision that was seen in this epoch, the bucket has lost records.
    #[must_use]
    pub fn last_revision(&self) -> u64 {
        self.last
    }
}

impl Stream for BucketWatch {
    type Item = Result<Delivery, StoreError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.deliveries.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for BucketWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketWatch")
            .field("epoch", &self.epoch)
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}
