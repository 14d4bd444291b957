//! Endpoints for load balancers and supervisors.
//!
//! They answer two different questions. A follower is alive, and a restart does not make it the leader.
//!
//! | | 200 | 503 | asked by |
//! |---|---|---|---|
//! | [`LeaderHandle::health`] | this node leads | this node does not lead | load balancers that send requests to the leader |
//! | [`LeaderHandle::liveness`] | the background task makes progress | it is stuck or has ended | supervisors that restart a broken process |
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
//! [`Shards`](crate::Shards) has the same two services. Its `health` asks whether the node takes part, since each node
//! leads some shards and can forward the requests for the others.
//!
//! With feature `tonic`, `LeaderHandle::grpc_health` answers the first question in the standard protocol
//! `grpc.health.v1`.
//!
//! # Guarantees
//!
//! - The status is decided when the request is served, as by
//!   [`LeaderHandle::is_leader`](crate::LeaderHandle::is_leader). A node that was paused for longer than its lease
//!   never reports that it leads.
//! - The endpoints do not keep the election running. They hold no [`LeaderHandle`](crate::LeaderHandle). When the last
//!   handle is dropped, the election stops on this node, and they report it.
//! - They wait neither for the store nor for the background task.
//! - They reveal no address, of this node or of another.
//!
//! # Code map
//!
//! - `leadership`, `liveness`: the two services; `answer`: their HTTP responses.
//! - `report`, `shards_report`: the body of `leadership`, for one election and for shards.
//! - `grpc`: the service of `grpc.health.v1`; `watching`: its stream of changes; `serving`: its responses.
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
mod shards_report;
#[cfg(feature = "tonic")]
mod watching;

#[cfg(feature = "tonic")]
pub use self::grpc::GrpcHealth;
pub use self::{leadership::Health, liveness::Liveness};
