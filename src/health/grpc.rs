use std::{collections::BTreeSet, fmt, pin::Pin, sync::Arc};

use futures_core::Stream;
use tonic::{Request, Response, Status};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse,
    health_server::{Health, HealthServer},
};

use super::{
    serving::{response, serving},
    watching::Watching,
};
use crate::task::{LeaderHandle, Shared};

/// The standard gRPC health service, which follows leadership, from [`LeaderHandle::grpc_health`].
///
/// It looks on: it does not keep the election going once every [`LeaderHandle`] is dropped, and no more do
/// the watches that clients leave open.
#[derive(Clone)]
pub struct GrpcHealth {
    shared: Arc<Shared>,
    /// The services that are served by the leader.
    services: BTreeSet<String>,
}

impl LeaderHandle {
    /// The standard gRPC health service, `grpc.health.v1.Health`: `SERVING` on the leader and `NOT_SERVING`
    /// elsewhere, for the server as a whole (the empty name) and for each of the named services.
    ///
    /// ```
    /// use noleader::{LeaderHandle, LeaderOnlyLayer};
    /// use tonic::{server::NamedService, transport::{Server, server::Router}};
    /// use tower::Layer;
    /// # use tonic::{body::Body, codegen::http::{Request, Response}};
    /// # use std::convert::Infallible;
    ///
    /// # fn example<OrdersServer>(leader: LeaderHandle, orders: OrdersServer) -> Router
    /// # where
    /// #     OrdersServer: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible>
    /// #         + NamedService + Clone + Send + Sync + 'static,
    /// #     OrdersServer::Future: Send + 'static,
    /// # {
    /// // Or by its name in the protocol: `leader.grpc_health(["orders.Orders"])`.
    /// let health = leader.grpc_health([OrdersServer::NAME]);
    /// Server::builder()
    ///     .add_service(health)
    ///     .add_service(LeaderOnlyLayer::new(leader).layer(orders))
    /// # }
    /// ```
    ///
    /// `Check` is decided as [`is_leader`](Self::is_leader) does, at the instant of the request; a name that
    /// was not given is answered `NOT_FOUND`.
    ///
    /// `Watch` sends the status at once and whenever it changes. It tells of the end of the lease by itself, be
    /// the background task stuck. It ends when the election stops on this node, after a last `NOT_SERVING`; so a
    /// client that watches does not hold up the graceful shutdown of a server whose election was
    /// [shut down](Self::shutdown) before. A name that was not given is answered `SERVICE_UNKNOWN`.
    ///
    /// Add it outside of a [`LeaderOnlyLayer`](crate::LeaderOnlyLayer): behind it, only the leader would
    /// answer.
    #[must_use]
    pub fn grpc_health<'a>(
        &self,
        services: impl IntoIterator<Item = &'a str>,
    ) -> HealthServer<GrpcHealth> {
        HealthServer::new(GrpcHealth {
            shared: self.shared().clone(),
            services: services.into_iter().map(str::to_owned).collect(),
        })
    }
}

impl GrpcHealth {
    fn knows(&self, service: &str) -> bool {
        service.is_empty() || self.services.contains(service)
    }
}

#[tonic::async_trait]
impl Health for GrpcHealth {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if !self.knows(&request.get_ref().service) {
            return Err(Status::not_found("unknown service"));
        }
        let status = serving(self.shared.is_open());
        Ok(Response::new(response(status)))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let known = self.knows(&request.get_ref().service);
        let watching = Watching::new(self.shared.clone(), known);
        Ok(Response::new(Box::pin(watching.into_stream())))
    }
}

impl fmt::Debug for GrpcHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcHealth")
            .field("services", &self.services)
            .finish_non_exhaustive()
    }
}
