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
//! [`trust_absent_key`](Builder::trust_absent_key). Nothing is assumed of wall clocks, message delays,
//! loss, duplication or order, or process pauses.
//!
//! Ask [`LeaderHandle::is_leader`], [`LeaderHandle::admit`] or the layer: they compare the deadline with the
//! clock when they are asked. The watch channels are for being woken.
//!
//! # Guides
//!
//! In the repository: [which action to take for followers](https://github.com/noleader/noleader/blob/main/docs/actions.md),
//! [health endpoints](https://github.com/noleader/noleader/blob/main/docs/health.md),
//! [permissions and settings of NATS](https://github.com/noleader/noleader/blob/main/docs/nats.md),
//! [how it works](https://github.com/noleader/noleader/blob/main/docs/architecture.md) and
//! [how each promise is checked](https://github.com/noleader/noleader/blob/main/docs/guarantees.md).
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `axum` | [`Term`] as an extractor |
//! | `tonic` | `NamedService` for [`LeaderOnly`], so that a guarded service can be added to a server; the standard gRPC health service |
//! | `metrics` | gauges and counters, named `noleader_*`, through the `metrics` facade |
//! | `test-util` | a fake clock and a store in memory, for tests of your own |
//!
//! # Code map
//!
//! Dependencies point one way: `middleware`, `health`, `worker`, `fencing` → `task` → `lease`, `store`,
//! `clock`.
//!
//! | module | concern |
//! |---|---|
//! | [`lease`] | the protocol, without IO and without a clock |
//! | [`store`] | where the lease is kept: JetStream, or memory |
//! | [`clock`] | the one place that reads time |
//! | `task` | the background task, and what it publishes: handle, term, status, gate |
//! | `worker` | the work loop |
//! | [`middleware`] | the tower layer |
//! | [`fencing`] | the token in a header, and the storage that checks it |
//! | [`health`] | endpoints for load balancers and supervisors |
//! | `builder`, `config`, `error` | settings, their checks, and what is reported |
#![cfg_attr(docsrs, feature(doc_cfg))]
// The model of the gate leaves out whatever does not share it.
#![cfg_attr(noleader_loom, allow(dead_code))]

mod builder;
pub mod clock;
mod config;
mod error;
pub mod fencing;
pub mod guide;
pub mod health;
pub mod lease;
pub mod middleware;
pub mod store;
mod sync;
mod task;
#[cfg(not(noleader_loom))]
mod worker;

#[cfg(not(noleader_loom))]
pub use self::worker::{Leader, RunError};
pub use self::{
    builder::Builder,
    error::{ConfigError, NotLeader, Reason, ReleaseError, StartError, Stopped, TermLost},
    health::{Health, Liveness},
    middleware::{LeaderOnly, LeaderOnlyLayer},
    store::Storage,
    task::{Admission, LeaderHandle, LeaderInfo, Status, Term},
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
