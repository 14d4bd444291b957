//! Leader election on NATS JetStream, and a gate that is open on at most one node at a time.
//!
//! - [`LeaderHandle`] keeps a lease in a KeyValue bucket in the background, and reports at any instant whether this
//!   node leads.
//! - [`LeaderOnlyLayer`] is a tower layer that admits requests on the leader only, for axum, tonic and any other
//!   service.
//! - [`Leader`] runs a closure while this node leads.
//! - [`LeaderHandle::health`] and [`LeaderHandle::liveness`] are endpoints for load balancers and supervisors.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use noleader::LeaderHandle;
//!
//! let client = async_nats::connect("localhost:4222").await?;
//! let leader = LeaderHandle::builder("orders", "writer").start(client).await?;
//! if let Ok(admission) = leader.admit() {
//!     println!("leading; fence writes with {}", admission.term().token());
//! }
//! leader.shutdown().await?;
//! # Ok(()) }
//! ```
//!
//! # The guarantee
//!
//! - At any instant, at most one node leads.
//! - Every term has a fencing token larger than those of all earlier terms.
//! - A node that is cut off, paused or starved admits no request after its deadline: each admission reads the clock.
//!
//! This rests on the following assumptions:
//!
//! - The server applies the compare-and-set writes of a key one at a time, and keeps every write that it acknowledged.
//!   [Some server settings](guide::nats) decide whether it does.
//! - The nodes' monotonic clocks run at rates within [`max_clock_drift`](Builder::max_clock_drift) of each other.
//! - If an operator, another client or the server's own expiry removes the record of a live leader, all candidates use
//!   the same lease, and none of them sets [`dangerous_trust_absent_key`](Builder::dangerous_trust_absent_key).
//! - Every client that writes the key follows the protocol, and no process image runs twice, as a cloned VM would.
//!
//! No decision depends on a wall clock. The guarantee tolerates pauses, and late, lost, repeated or reordered messages.
//! [`guide::guarantees`] shows how each promise is checked.
//!
//! To decide whether this node leads, use [`LeaderHandle::is_leader`], [`LeaderHandle::admit`] or the layer, which
//! compare the deadline with the clock on each call. The watch channels lag behind; use them to wait for changes.
//!
//! # Guide
//!
//! [`guide`] covers follower actions, health endpoints, NATS, metrics and log events, and how the protocol works.
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `jetstream` (default) | the store on NATS JetStream, [`LeaderHandle::builder`] and [`Leader::new`]; without it the crate does not depend on async-nats |
//! | `axum` | [`Term`] and [`Admission`] as extractors; [`NotLeader`] as a response |
//! | `tonic` | `NamedService` for [`LeaderOnly`], so that a guarded service can be added to a server; [`NotLeader`] as a `tonic::Status`; the standard gRPC health service |
//! | `metrics` | gauges, counters and histograms, named `noleader_*`, through the `metrics` facade |
//! | `test-util` | a fake clock, and faults for the store in memory, for your tests |
#![cfg_attr(docsrs, feature(doc_cfg))]
// Under loom, only the code that shares the gate is in use.
#![cfg_attr(noleader_loom, allow(dead_code))]

mod builder;
#[doc(hidden)]
pub mod clock;
mod error;
pub mod fencing;
pub mod guide;
pub mod health;
#[doc(hidden)]
pub mod lease;
#[cfg(feature = "metrics")]
mod metric;
pub mod middleware;
#[doc(hidden)]
pub mod names;
#[doc(hidden)]
pub mod runtime;
#[doc(hidden)]
pub mod shards;
pub mod store;
mod sync;
mod task;
#[cfg(feature = "test-util")]
pub mod test_util;
#[cfg(not(noleader_loom))]
mod worker;

#[cfg(feature = "jetstream")]
pub use self::store::Storage;
#[doc(hidden)]
pub use self::task::Journal;
#[cfg(not(noleader_loom))]
pub use self::worker::{Leader, RunError};
pub use self::{
    builder::{Builder, ShardsBuilder, StartError},
    error::{BoxError, ConfigError},
    health::{Health, Liveness},
    lease::{LeaderInfo, Status},
    middleware::{LeaderOnly, LeaderOnlyLayer, TermLost},
    names::{FencingToken, ParseTokenError, ShardId, ShardKey},
    shards::{Member, Shard, Shards, ShardsStatus},
    task::{Admission, LeaderHandle, NotLeader, Reason, ReleaseError, StopReason, Stopped, Term},
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
