//! Stores for the lease.
//!
//! `JetStream` (feature `jetstream`) keeps the lease in a NATS KeyValue bucket, and [`Memory`] in the process. To use
//! another store with a compare-and-set and growing revisions, implement [`LeaseStore`] and pass it to
//! [`LeaderHandle::with_store`](crate::LeaderHandle::with_store).
//!
//! Sharded leadership keeps many keys: in a bucket, with `JetStreamShards`, in the process, with [`MemoryShards`], or in
//! any [`ShardStore`].

mod bucket_watch;
mod error;
#[cfg(feature = "jetstream")]
mod jetstream;
mod lease_store;
mod memory;
mod memory_shards;
mod shard_store;
mod watch;

#[cfg(feature = "jetstream")]
pub use self::jetstream::{BucketSettings, JetStream, JetStreamShards, Storage};
pub use self::{
    bucket_watch::{BucketWatch, Delivery},
    error::{StoreError, WriteError},
    lease_store::{LeaseStore, Request},
    memory::Memory,
    memory_shards::MemoryShards,
    shard_store::ShardStore,
    watch::{Epoch, Watch},
};
pub use crate::{lease::Observation, names::ElectionName};
