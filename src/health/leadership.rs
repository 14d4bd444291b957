use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tower_service::Service;

use super::{answer::answer, report::Report};
use crate::task::{LeaderHandle, Shared};

/// An HTTP service that tells whether this node leads, from [`LeaderHandle::health`].
///
/// It looks on: it does not keep the election going once every [`LeaderHandle`] is dropped.
#[derive(Clone, Debug)]
pub struct Health {
    shared: Arc<Shared>,
}

impl LeaderHandle {
    /// An HTTP service that answers 200 on the leader and 503 elsewhere, for load balancers.
    ///
    /// ```
    /// # use axum::Router;
    /// # use noleader::LeaderHandle;
    /// # fn example(leader: LeaderHandle) -> Router {
    /// Router::new().route_service("/health", leader.health())
    /// # }
    /// ```
    ///
    /// The status is decided as [`is_leader`](Self::is_leader) does, at the instant of the request. It answers
    /// every path, with a body in JSON:
    ///
    /// | field | |
    /// |---|---|
    /// | `status` | `leader` (and only then 200), `follower`, `warming`, `draining` or `stopped` |
    /// | `id` | this node's id |
    /// | `leader` | the `id` and the fencing `token` of who leads, as far as this node knows, or null |
    /// | `token` | the fencing token of the term that this node holds, or null |
    /// | `remaining_ms` | how much of the lease is left, in milliseconds, if this node holds it, or null |
    /// | `renewed_secs_ago` | seconds since the store last acknowledged that this node holds the lease, when it won it or renewed it, or null if it never has |
    ///
    /// While it is `warming`, and while it is `draining` unless it has lost it, a node holds the lease and its gate is
    /// shut. `GET` and `HEAD` are answered, other methods with 405.
    ///
    /// Do not let it decide over the life of a process: a follower is healthy. That is what
    /// [`liveness`](Self::liveness) is for.
    #[must_use]
    pub fn health(&self) -> Health {
        Health {
            shared: self.shared().clone(),
        }
    }
}

impl<B> Service<Request<B>> for Health {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let report = Report::new(&self.shared);
        ready(Ok(answer(request.method(), report.leads(), &report)))
    }
}
