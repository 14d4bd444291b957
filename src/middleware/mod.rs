//! A tower middleware that admits requests on the leader only.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use axum::{Router, routing::get};
//! use noleader::{LeaderHandle, LeaderOnlyLayer, Term};
//!
//! async fn list() -> &'static str {
//!     "served by every node"
//! }
//!
//! # #[cfg(feature = "axum")]
//! async fn create(term: Term) -> String {
//!     format!("written with the fencing token {}", term.token())
//! }
//! # #[cfg(not(feature = "axum"))] async fn create() {}
//!
//! let client = async_nats::connect("localhost:4222").await?;
//! let leader = LeaderHandle::builder("orders", "writer").start(client).await?;
//! let app: Router = Router::new()
//!     .route("/orders", get(list).post(create))
//!     .layer(LeaderOnlyLayer::new(leader.clone()).writes_only());
//! # Ok(()) }
//! ```
//!
//! A [`LeaderOnlyLayer<A, M, E>`](LeaderOnlyLayer) has three type parameters, which its methods choose:
//!
//! - `A`, the follower action, handles a gated request while this node does not lead: [`Reject`], [`RejectWith`],
//!   [`Redirect`], [`Forward`], or a [`FollowerAction`] of your own.
//! - `M`, the matcher, decides which requests are gated: [`EveryRequest`], [`WritesOnly`], [`When`] or [`NotReady`].
//! - `E`, the elections: that of a [`LeaderHandle`](crate::LeaderHandle), or [`Sharded`] for those of many shards.
//!
//! A [`FailLayer`] does the same for services that are not HTTP.
//!
//! The guide on [follower actions](crate::guide::actions) helps to choose one and shows every response.
//!
//! # Guarantees
//!
//! - `call` checks the gate at that instant, whatever `poll_ready` returned before. A rejected request has not reached
//!   the inner service.
//! - The lease is not released while an admitted request is in progress, up to the drain timeout. A request is in
//!   progress until its response body ends or is dropped. An upgraded connection, such as a WebSocket, is not part of
//!   the body: end it when [`Term::closing`](crate::Term::closing) is cancelled.
//! - An admitted request continues after its term has ended, unless [`cancel_on_loss`](LeaderOnlyLayer::cancel_on_loss)
//!   is set. Handlers fence their writes with [`Term::fence`](crate::Term::fence) or
//!   [`Term::token`](crate::Term::token).
//! - An admitted HTTP request carries its [`Term`](crate::Term) in its extensions. A request that is not gated carries
//!   none. Behind the gates of several elections, [`term_in`](crate::LeaderHandle::term_in) returns the term of each.
//! - [`FailLayer`] works for any request and response type. With it, an admitted request carries no `Term`, and is in
//!   progress only until its response future resolves.
//! - The layer holds a [`LeaderHandle`](crate::LeaderHandle), which keeps the election running for as long as the
//!   service lives. Call [`shutdown`](crate::LeaderHandle::shutdown) to leave the election earlier.

// Code map:
//
// - `layer`, `service`: the layer for HTTP, and the service that it makes; `settings`: what it does beyond admitting and
//   refusing; `fail`: both for any other service.
// - `gate`: the gate of one service; `matcher`: which requests are gated; `elections`: which election decides; `ready`:
//   readiness that waits for the gate.
// - `admitted`: calls the service; `refused`: answers in its place; `hold`: a request that waits for the gate.
// - `response`: the future and the body, which hold the admission until the response ends; `loss`: ends them with the
//   term.
// - `terms`: the terms in the extensions of a request that several gates have admitted.
// - `actions`: the trait of a follower action, and one file for each.
// - `http`: what the actions need of HTTP and gRPC.
// - `axum`, `tonic`: integration with these two.

mod actions;
mod admitted;
#[cfg(feature = "axum")]
mod axum;
mod elections;
mod fail;
mod gate;
mod hold;
mod http;
mod layer;
mod loss;
mod matcher;
mod ready;
mod refused;
mod response;
mod service;
mod settings;
mod term_lost;
mod terms;
#[cfg(feature = "tonic")]
mod tonic;

#[cfg(feature = "axum")]
pub use self::axum::{AdmissionRejection, MissingTerm};
#[doc(hidden)]
pub use self::elections::{Changed, Election, Guard, Pick, Picked, Which};
pub use self::{
    actions::{FollowerAction, Forward, IntoAnswer, Redirect, Reject, RejectWith},
    elections::{Elections, Node, ShardSet, Sharded},
    fail::{Fail, FailFuture, FailLayer},
    http::{client_info::ClientInfo, from_body::FromBody},
    layer::LeaderOnlyLayer,
    matcher::{EveryRequest, Matcher, NotReady, When, WritesOnly},
    response::{ResponseBody, ResponseFuture},
    service::LeaderOnly,
    term_lost::TermLost,
};
