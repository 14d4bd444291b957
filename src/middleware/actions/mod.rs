//! Follower actions: what answers a gated HTTP request while this node does not lead.

mod forward;
mod redirect;
mod reject;
mod reject_with;

use std::future::Future;

use http::{Request, Response};
use http_body::Body;

pub use self::{
    forward::Forward,
    redirect::Redirect,
    reject::Reject,
    reject_with::{IntoAnswer, RejectWith},
};
use super::{hold::Hold, http::upload::Upload};
use crate::{error::BoxError, task::NotLeader};

/// Answers gated HTTP requests, whose body is a `B`, while this node does not lead.
///
/// [`LeaderOnlyLayer::action`](crate::LeaderOnlyLayer::action) takes an action of your own. A closure for
/// [`reject_with`](crate::LeaderOnlyLayer::reject_with) is shorter if the action has no state.
///
/// ```
/// use http::{Request, Response, StatusCode};
/// use noleader::{LeaderHandle, LeaderOnlyLayer, NotLeader, middleware::FollowerAction};
///
/// /// Puts requests into a queue, for the leader to fetch.
/// #[derive(Clone)]
/// struct Enqueue {
///     queue: tokio::sync::mpsc::Sender<String>,
/// }
///
/// impl<B: Send + 'static> FollowerAction<B> for Enqueue {
///     type Body = String;
///
///     async fn respond(&self, request: Request<B>, _: NotLeader) -> Response<String> {
///         let sent = self.queue.send(request.uri().to_string()).await;
///         let status = match sent {
///             Ok(()) => StatusCode::ACCEPTED,
///             Err(_) => StatusCode::SERVICE_UNAVAILABLE,
///         };
///         let mut response = Response::new(String::new());
///         *response.status_mut() = status;
///         response
///     }
/// }
///
/// # fn example(leader: LeaderHandle, queue: tokio::sync::mpsc::Sender<String>) -> axum::Router {
/// axum::Router::new().layer(LeaderOnlyLayer::new(leader).action(Enqueue { queue }))
/// # }
/// ```
pub trait FollowerAction<B>: Clone + Send + Sync + 'static {
    /// The body of the responses.
    type Body: Body<Error: Into<BoxError>> + Send + 'static;

    /// Whether it is of use to know the next leader. A shutdown then waits for that leader while requests are held.
    #[doc(hidden)]
    const NEEDS_LEADER: bool = true;

    /// Responds to a request that was not admitted, and therefore not executed.
    ///
    /// The response is final: a node that has forwarded the request does not send it again.
    ///
    /// If the action drops a body of axum, tonic or http-body-util (boxed) before its end, the layer reads the rest; see
    /// [`linger`](crate::LeaderOnlyLayer::linger). An action for other bodies reads them itself.
    ///
    /// The future is dropped if the client goes away.
    fn respond(
        &self,
        request: Request<B>,
        not_leader: NotLeader,
    ) -> impl Future<Output = Response<Self::Body>> + Send;

    /// As [`respond`](Self::respond). The rest of the body is read after the response.
    #[doc(hidden)]
    fn answer(
        &self,
        request: Request<Upload<B>>,
        not_leader: NotLeader,
    ) -> impl Future<Output = Response<Self::Body>> + Send
    where
        B: Body<Error: Into<BoxError>> + Send + 'static,
    {
        self.respond(request.map(Upload::into_body), not_leader)
    }

    /// As [`answer`](Self::answer), but may go on holding the request, and return it once this node leads.
    #[doc(hidden)]
    fn handle(
        &self,
        request: Request<Upload<B>>,
        not_leader: NotLeader,
        _: &mut Hold,
    ) -> impl Future<Output = Handled<B, Self::Body>> + Send
    where
        B: Body<Error: Into<BoxError>> + Send + 'static,
    {
        let response = self.answer(request, not_leader);
        async { Handled::Answered(response.await) }
    }
}

/// What an action made of a request.
#[doc(hidden)]
#[derive(Debug)]
pub enum Handled<B, R> {
    Answered(Response<R>),
    /// This node leads by now. The request was not executed.
    Leads(Request<B>),
}
