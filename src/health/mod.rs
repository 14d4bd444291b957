//! Health endpoints: does this node lead, and is it alive?
//!
//! Two questions, and two endpoints that must not be mixed up: a follower is healthy, and a restart does not
//! make it a leader.
//!
//! | | 200 | 503 | for |
//! |---|---|---|---|
//! | [`LeaderHandle::health`] | on the leader | on every other node | load balancers that send traffic to the leader |
//! | [`LeaderHandle::liveness`] | while the election's task runs | once it is stuck or has ended | whoever restarts a broken process |
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use axum::Router;
//! use noleader::LeaderHandle;
//!
//! let client = async_nats::connect("localhost:4222").await?;
//! let leader = LeaderHandle::builder("orders", "writer").start(client).await?;
//! let app: Router = Router::new()
//!     .route_service("/health", leader.health())
//!     .route_service("/live", leader.liveness());
//! # Ok(()) }
//! ```
//!
//! With feature `tonic`, `LeaderHandle::grpc_health` answers the first question in the standard protocol
//! `grpc.health.v1`.
//!
//! # What is promised
//!
//! - The answer is decided when the request is served, as [`LeaderHandle::is_leader`](crate::LeaderHandle::is_leader)
//!   does: a node that was paused for longer than its lease does not claim to lead, not even once.
//! - The endpoints look on and take no part. They hold no [`LeaderHandle`](crate::LeaderHandle): once the last one
//!   is dropped, the election ends on this node, and they say so.
//! - They wait for nothing: neither for the store nor for the background task.
//! - No address is told, of this node or of another.
//!
//! # Code map
//!
//! - `leadership`, `liveness`: the two services; `answer`: what they have in common over HTTP.
//! - `report`: what a node says of itself.
//! - `grpc`: the service of `grpc.health.v1`; `watching`: its stream of changes; `serving`: its answers.
//!
//! [`LeaderHandle::health`]: crate::LeaderHandle::health
//! [`LeaderHandle::liveness`]: crate::LeaderHandle::liveness

mod answer;
#[cfg(feature = "tonic")]
mod grpc;
mod leadership;
mod liveness;
mod report;
#[cfg(feature = "tonic")]
mod serving;
#[cfg(feature = "tonic")]
mod watching;

#[cfg(feature = "tonic")]
pub use self::grpc::GrpcHealth;
pub use self::{leadership::Health, liveness::Liveness};
