//! Stores for the lease.
//!
//! `JetStream` (feature `jetstream`) keeps the lease in a NATS KeyValue bucket, and [`Memory`] in the process. To use
//! another store with a compare-and-set and growing revisions, implement [`LeaseStore`] and pass it to
//! [`LeaderHandle::with_store`](crate::LeaderHandle::with_store).

mod error;
#[cfg(feature = "jetstream")]
mod jetstream;
mod lease_store;
mod memory;
mod watch;

#[cfg(feature = "jetstream")]
pub use self::jetstream::{BucketSettings, JetStream, Storage};
pub use self::{
    error::{StoreError, WriteError},
    lease_store::{LeaseStore, Request},
    memory::Memory,
    watch::{Epoch, Watch},
};
pub use crate::{lease::Observation, names::ElectionName};
