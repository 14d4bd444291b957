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
//! A [`LeaderOnlyLayer<A, M>`](LeaderOnlyLayer) has two type parameters, which its methods choose:
//!
//! - `A`, the follower action, handles a gated request while this node does not lead: [`Reject`], [`RejectWith`],
//!   [`Redirect`], [`Forward`] or [`Fail`]. [`WaitUpTo`] and [`CancelOnLoss`] wrap one of these.
//! - `M`, the matcher, decides which requests are gated: [`EveryRequest`], [`WritesOnly`], [`When`] or [`NotReady`].
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
//!   none.
//! - [`Fail`] works for any request and response type. With it, an admitted request carries no `Term`, and is in
//!   progress only until its response future resolves.
//! - The layer holds a [`LeaderHandle`](crate::LeaderHandle), which keeps the election running for as long as the
//!   service lives. Call [`shutdown`](crate::LeaderHandle::shutdown) to leave the election earlier.

// Code map:
//
// - `layer`, `service`: the layer, and the service that it makes.
// - `entrance`: the gate, and `min_remaining`.
// - `matcher`: which requests are gated; `wait`: readiness that waits for the gate.
// - `action`: the trait of a follower action; `reject`, `reject_with`, `redirect`, `forward`, `fail`: one action each;
//   `wait_up_to`: any of them after a wait; `compose`: which settings combine.
// - `forward`: the proxy.
// - `target`: where the leader serves a request; `origin`: compares the addresses of servers.
// - `future`, `body`: hold the admission until the response ends.
// - `cancel_on_loss`, `cancel_body`: end a request with its term; `loss`: waits for the end of the term.
// - `answer`: rejections over HTTP and gRPC; `reveal`: the leader's name in them.
// - `axum`, `tonic`: integration with these two.

mod action;
mod answer;
#[cfg(feature = "axum")]
mod axum;
mod body;
mod cancel_body;
mod cancel_on_loss;
mod compose;
mod entrance;
mod fail;
mod forward;
mod future;
mod layer;
mod loss;
mod matcher;
mod origin;
mod redirect;
mod reject;
mod reject_with;
mod reveal;
mod service;
mod target;
#[cfg(feature = "tonic")]
mod tonic;
mod wait;
mod wait_up_to;

#[cfg(feature = "axum")]
pub use self::axum::{AdmissionRejection, MissingTerm};
pub use self::{
    action::FollowerAction,
    answer::Rejection,
    body::ResponseBody,
    cancel_body::CancelBody,
    cancel_on_loss::{CancelFuture, CancelOnLoss},
    compose::{Cancellable, Immediate, Undecided},
    fail::Fail,
    forward::{Forward, ForwardBody, ForwardFuture, Forwards},
    future::ResponseFuture,
    layer::LeaderOnlyLayer,
    loss::TermLost,
    matcher::{EveryRequest, Matcher, NotReady, When, WritesOnly},
    redirect::Redirect,
    reject::{Reject, Rejects},
    reject_with::RejectWith,
    service::LeaderOnly,
    wait_up_to::{WaitFuture, WaitUpTo},
};
