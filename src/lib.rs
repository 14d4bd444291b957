//! Leader election on NATS JetStream, and a gate that is open on at most one node at a time.
//!
//! - [`LeaderHandle`] keeps a lease in a KeyValue bucket in the background, and tells at any instant whether
//!   this node leads.
//! - [`LeaderOnlyLayer`] is a tower layer that lets requests through while it does, for axum, tonic and any
//!   other service.
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
//! # What is promised
//!
//! At no instant are two gates of one election open. That holds if JetStream applies the writes of a key
//! one at a time and loses none that it acknowledged, if the nodes' monotonic clocks run at rates within
//! [`max_clock_drift`](Builder::max_clock_drift) of each other, and, where somebody else, or the server's own
//! expiry, removes the record of a live leader, if the candidates use equal leases and none has
//! [`dangerous_trust_absent_key`](Builder::dangerous_trust_absent_key). Nothing is assumed of wall clocks, message delays,
//! loss, duplication or order, or process pauses.
//!
//! Ask [`LeaderHandle::is_leader`], [`LeaderHandle::admit`] or the layer: they compare the deadline with the
//! clock when they are asked. The watch channels are for being woken.
//!
//! # Guides
//!
//! [`guide`] has pages on follower actions, health endpoints, NATS, metrics and log events, how the protocol works,
//! and how each promise is checked.
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `jetstream` (default) | the store on NATS JetStream, [`LeaderHandle::builder`] and [`Leader::new`]; without it the crate does not depend on async-nats |
//! | `axum` | [`Term`] and [`Admission`] as extractors; [`NotLeader`] as a response |
//! | `tonic` | `NamedService` for [`LeaderOnly`], so that a guarded service can be added to a server; [`NotLeader`] as a `tonic::Status`; the standard gRPC health service |
//! | `metrics` | gauges and counters, named `noleader_*`, through the `metrics` facade |
//! | `test-util` | a fake clock, and faults for the store in memory, for tests of your own |
#![cfg_attr(docsrs, feature(doc_cfg))]
// The model of the gate leaves out whatever does not share it.
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
pub mod middleware;
#[doc(hidden)]
pub mod names;
pub mod store;
mod sync;
mod task;
#[cfg(feature = "test-util")]
pub mod test_util;
#[cfg(not(noleader_loom))]
mod worker;

#[cfg(feature = "jetstream")]
pub use self::store::Storage;
#[cfg(not(noleader_loom))]
pub use self::worker::{Leader, RunError};
pub use self::{
    builder::{Builder, StartError},
    error::{BoxError, ConfigError},
    health::{Health, Liveness},
    lease::{LeaderInfo, Status},
    middleware::{LeaderOnly, LeaderOnlyLayer, TermLost},
    names::{FencingToken, ParseTokenError},
    task::{Admission, LeaderHandle, NotLeader, Reason, ReleaseError, Stopped, Term},
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
