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

/// The standard gRPC health service, from [`LeaderHandle::grpc_health`].
///
/// Neither the service nor an open watch of a client keeps the election running once every [`LeaderHandle`] is dropped.
#[derive(Clone)]
pub struct GrpcHealth {
    shared: Arc<Shared>,
    /// The names of the services that follow leadership.
    services: BTreeSet<String>,
}

impl LeaderHandle {
    /// Returns the standard gRPC health service `grpc.health.v1.Health`, which reports `SERVING` on the leader and
    /// `NOT_SERVING` elsewhere.
    ///
    /// It does so for the empty service name, which stands for the whole server, and for the given service names.
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
    /// // Or with the name in the protocol: `leader.grpc_health(["orders.Orders"])`.
    /// let health = leader.grpc_health([OrdersServer::NAME]);
    /// Server::builder()
    ///     .add_service(health)
    ///     .add_service(LeaderOnlyLayer::new(leader).layer(orders))
    /// # }
    /// ```
    ///
    /// - `Check` decides as [`is_leader`](Self::is_leader) does, at the instant of the request. It returns `NOT_FOUND`
    ///   for any other name.
    /// - `Watch` sends the status at once and whenever it changes. It reports the end of the lease even if the
    ///   background task is stuck. When the election stops on this node, it ends after a last `NOT_SERVING`. It reports
    ///   `SERVICE_UNKNOWN` for any other name.
    ///
    /// [Shut down](Self::shutdown) the election before the server, so that open watches do not delay the server's
    /// graceful shutdown.
    ///
    /// Do not put the service behind a [`LeaderOnlyLayer`](crate::LeaderOnlyLayer), where only the leader would
    /// respond.
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
