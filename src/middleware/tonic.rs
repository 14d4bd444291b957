use http::header::CONTENT_TYPE;
use tonic::{Status, server::NamedService};

use super::{
    http::answer::{self, Form},
    service::LeaderOnly,
};
use crate::task::NotLeader;

/// A gated service keeps its name, so it can be added to a server:
///
/// ```
/// use noleader::{LeaderHandle, LeaderOnlyLayer};
/// use tonic::transport::{Server, server::Router};
/// use tower::Layer;
/// # use tonic::{body::Body, codegen::http::{Request, Response}, server::NamedService};
/// # use std::convert::Infallible;
///
/// # fn example<S>(leader: LeaderHandle, orders: S) -> Router
/// # where
/// #     S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible>
/// #         + NamedService + Clone + Send + Sync + 'static,
/// #     S::Future: Send + 'static,
/// # {
/// Server::builder().add_service(LeaderOnlyLayer::new(leader).layer(orders))
/// # }
/// ```
impl<S: NamedService, A, M, E> NamedService for LeaderOnly<S, A, M, E> {
    const NAME: &'static str = S::NAME;
}

/// Returns the status of [`Reject`](super::Reject) for a gRPC request: `UNAVAILABLE`, with `grpc-retry-pushback-ms` and
/// `noleader-reason` as metadata. Its message does not say that the request was not executed: the handler may have done
/// something before.
///
/// ```
/// # use noleader::LeaderHandle;
/// fn create(leader: &LeaderHandle) -> Result<String, tonic::Status> {
///     let admission = leader.admit()?;
///     Ok(format!("written with the fencing token {}", admission.term().token()))
/// }
/// ```
impl From<NotLeader> for Status {
    fn from(not_leader: NotLeader) -> Self {
        let mut rejection = answer::not_leader(Form::Grpc, &not_leader);
        // tonic sets the content type of a response itself.
        rejection.headers_mut().remove(CONTENT_TYPE);
        Self::from_header_map(rejection.headers_mut())
            .unwrap_or_else(|| Self::unavailable(not_leader.to_string()))
    }
}
