//! The gate as a tower middleware: requests reach the service while this node leads.
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
//! A [`LeaderOnlyLayer<A, M>`](LeaderOnlyLayer) has two parts: what is done with a request while the gate
//! is shut ([`Reject`], [`RejectWith`], [`Redirect`], [`Forward`] or [`Fail`], at once or after [`WaitUpTo`]), and which
//! requests the gate applies to ([`EveryRequest`], [`WritesOnly`], [`When`], [`NotReady`]).
//!
//! # What is promised
//!
//! - The gate is checked in `call`, at that instant, whatever `poll_ready` said before. A request that was
//!   refused has not reached the inner service.
//! - An admitted request holds up the release of the lease until its response body ends or is dropped, for
//!   the drain timeout at most. An upgraded connection, such as a WebSocket, is not part of the body: end
//!   it by [`Term::cancellation`](crate::Term::cancellation).
//! - An admitted request goes on when its term ends, unless
//!   [`cancel_on_loss`](LeaderOnlyLayer::cancel_on_loss) is set. A handler fences what it writes with
//!   [`Term::fence`](crate::Term::fence) or [`Term::token`](crate::Term::token).
//! - An admitted HTTP request carries its [`Term`](crate::Term) in its extensions; one that the gate does
//!   not apply to carries none.
//! - [`Fail`] serves requests of any type, and so knows nothing of terms in extensions and of bodies: it
//!   keeps neither of the last promise and the second.
//! - The layer holds a [`LeaderHandle`](crate::LeaderHandle), so that the election goes on for as long as
//!   the service lives. Call [`shutdown`](crate::LeaderHandle::shutdown) to leave it before.
//!
//! # Code map
//!
//! - `layer`, `service`: what a user builds, and what it builds.
//! - `entrance`: the gate, and how much of the lease has to be left.
//! - `matcher`: which requests are gated; `wait`: a readiness that waits for the gate.
//! - `action`: what is done with a request while the gate is shut; `reject`, `reject_with`, `redirect`,
//!   `forward`, `fail`: one each; `wait_up_to`: any of them later; `compose`: which settings go together.
//! - `forward`: what it takes to be a proxy.
//! - `target`: where the leader serves a request; `origin`: which addresses are those of one server.
//! - `future`, `body`: they carry the admission to the end of the response.
//! - `cancel_on_loss`, `cancel_body`: they end a request with its term; `loss` waits for that.
//! - `answer`: what a rejection looks like over HTTP and over gRPC; `reveal`: the leader's name in it.
//! - `axum`, `tonic`: what these two need on top.

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
pub use self::axum::MissingTerm;
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
