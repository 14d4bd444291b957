//! Where the lease is kept.
//!
//! `JetStream` (feature `jetstream`) keeps it in a NATS KeyValue bucket, and [`Memory`] in this process. Any other
//! register with a compare-and-set and revisions that only grow will do: implement [`LeaseStore`] and pass it to
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
