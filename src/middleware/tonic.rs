use tonic::server::NamedService;

use super::LeaderOnly;

/// A gated service keeps its name, so that it can be added to a server:
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
impl<S: NamedService, A, M> NamedService for LeaderOnly<S, A, M> {
    const NAME: &'static str = S::NAME;
}
