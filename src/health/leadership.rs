use std::{
    convert::Infallible,
    fmt,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use http::{Method, Request, Response};
use tower_service::Service;

use super::{answer::answer, report::Report, shards_report::ShardsReport};
use crate::{
    shards::{self, Shards},
    task::{LeaderHandle, Shared},
};

/// An HTTP service that reports whether this node leads, from [`LeaderHandle::health`].
///
/// It does not keep the election running once every [`LeaderHandle`] is dropped.
#[derive(Clone, Debug)]
pub struct Health {
    node: Arc<dyn Node>,
}

/// A node that reports about itself.
trait Node: fmt::Debug + Send + Sync {
    /// The response to a request with this method.
    fn answer(&self, method: &Method) -> Response<String>;
}

impl Node for Shared {
    fn answer(&self, method: &Method) -> Response<String> {
        let report = Report::new(self);
        answer(method, report.leads(), &report)
    }
}

impl Node for shards::Shared {
    fn answer(&self, method: &Method) -> Response<String> {
        let report = ShardsReport::new(self);
        answer(method, report.is_member(), &report)
    }
}

impl LeaderHandle {
    /// Returns an HTTP service for load balancers that responds with 200 on the leader and 503 elsewhere.
    ///
    /// ```
    /// # use axum::Router;
    /// # use noleader::LeaderHandle;
    /// # fn example(leader: LeaderHandle) -> Router {
    /// Router::new().route_service("/health", leader.health())
    /// # }
    /// ```
    ///
    /// The status is decided as by [`is_leader`](Self::is_leader), at the instant of the request. The service responds
    /// on every path, to `GET` and `HEAD`, and with 405 to other methods. The body is a JSON object:
    ///
    /// | field | |
    /// |---|---|
    /// | `status` | `leader` with a 200; `follower`, `warming`, `draining` or `stopped` with a 503 |
    /// | `id` | the id of this node |
    /// | `leader` | the `id` and the fencing `token` of the leader that this node knows, or null |
    /// | `token` | the fencing token of the term that this node holds, or null |
    /// | `remaining_ms` | milliseconds until the lease that this node holds expires, or null |
    /// | `renewed_secs_ago` | seconds since the last renewal, or since the write that won the lease; null before that |
    ///
    /// A node that is `warming` holds the lease. A node that is `draining` holds it unless it has lost it meanwhile.
    ///
    /// Do not use it to restart processes: every follower fails it. Use [`liveness`](Self::liveness) for that.
    #[must_use]
    pub fn health(&self) -> Health {
        Health {
            node: self.shared().clone(),
        }
    }
}

impl Shards {
    /// Returns an HTTP service for load balancers that responds with 200 while this node takes part, and 503 otherwise.
    ///
    /// A node that takes part has a session at the instant of the request. It serves the requests for its own shards, and
    /// can forward the others. The service responds on every path, to `GET` and `HEAD`, and with 405 to other methods. The
    /// body is a JSON object:
    ///
    /// | field | |
    /// |---|---|
    /// | `status` | `member` with a 200; `joining`, `leaving` or `stopped` with a 503 |
    /// | `id` | the id of this node |
    /// | `shards` | the number of shards, here and elsewhere |
    /// | `owned` | the number of shards that are open here |
    /// | `members` | the number of nodes that this node knows, itself included |
    /// | `remaining_ms` | milliseconds until the session of this node expires, or null |
    /// | `renewed_secs_ago` | seconds since the last renewal; null before the session has begun |
    #[must_use]
    pub fn health(&self) -> Health {
        Health {
            node: self.shared().clone(),
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
        ready(Ok(self.node.answer(request.method())))
    }
}
