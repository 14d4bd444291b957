//! A server with its layer and its handlers, built as an application would.

use std::{convert::Infallible, time::Duration};

use ::http::Request;
use axum::{
    Router,
    response::IntoResponse,
    routing::{Route, get},
    serve::ListenerExt,
};
use noleader::{LeaderHandle, LeaderOnlyLayer};
use tokio::{net::TcpListener, task::AbortHandle};
use tonic::{
    body::Body,
    service::LayerExt,
    transport::{Server, server::TcpIncoming},
};
use tower::{Layer, Service, util::MapRequestLayer};

use crate::{
    cell::{Cell, Setting},
    desk::{Desk, Step},
    grpc::Orders,
    http,
    scene::MIN,
};

/// Builds a server for any protocol, or for the one given, with the gate alone or also with the layers of tower-http around
/// it and inside of it.
macro_rules! front {
    ($spot:ident, $gate:expr) => {
        if $spot.cell.protocol.is_grpc() {
            front!($spot, grpc, $gate)
        } else {
            front!($spot, http, $gate)
        }
    };
    ($spot:ident, $protocol:ident, $gate:expr) => {
        if $spot.cell.action.is_layered {
            $spot.$protocol($crate::layers::tower_http_layers!(
                front!(@layered $gate,)
            ))
        } else {
            $spot.$protocol($gate)
        }
    };
    (@layered $gate:expr, $($layer:expr),*) => {
        tower::ServiceBuilder::new()
            $(.layer($layer))*
            .layer($gate)
            $(.layer($layer))*
    };
}
pub(crate) use front;

/// Starts a server on a listener.
pub(crate) type Front = Box<dyn FnOnce(TcpListener) -> AbortHandle>;

/// The parts of a server.
pub(crate) struct Spot<'a> {
    pub(crate) cell: &'a Cell<'a>,
    pub(crate) handle: LeaderHandle,
    pub(crate) desk: Desk,
    /// The limit for holding a request, if requests are held.
    pub(crate) wait: Option<Duration>,
    /// The limit for the leader's response.
    pub(crate) time_limit: Duration,
}

impl Spot<'_> {
    /// The gate with the setting of the cell.
    pub(crate) fn gate(&self) -> LeaderOnlyLayer {
        let gate = LeaderOnlyLayer::new(self.handle.clone());
        let gate = match self.wait {
            Some(wait) => gate.wait_up_to(wait),
            None => gate,
        };
        match self.cell.setting {
            Setting::Plain => gate,
            Setting::CancelOnLoss => gate.cancel_on_loss(),
            Setting::RevealLeader => gate.reveal_leader(true),
            Setting::MinRemaining => gate.min_remaining(MIN),
        }
    }

    /// An axum server, with the layer around its router.
    pub(crate) fn http<L>(&self, gate: L) -> Front
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<
                Request<axum::body::Body>,
                Response: IntoResponse + 'static,
                Error: Into<Infallible> + 'static,
                Future: Send + 'static,
            > + Clone
            + Send
            + Sync
            + 'static,
    {
        let app: Router = http::orders(self.desk.clone())
            .layer(gate)
            .layer(MapRequestLayer::new(self.door()))
            .route("/open", get(|| async {}));
        Box::new(|listener| {
            let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
            let server = async { axum::serve(listener, app).await };
            tokio::spawn(server).abort_handle()
        })
    }

    /// A tonic server, with the layer around its service.
    pub(crate) fn grpc<L>(&self, gate: L) -> Front
    where
        L: Layer<Orders>,
        L::Service: Service<
                Request<Body>,
                Response: IntoResponse,
                Error = Infallible,
                Future: Send + 'static,
            > + Clone
            + Send
            + Sync
            + 'static,
    {
        let server = Server::builder()
            .layer(MapRequestLayer::new(self.door()))
            .add_service(gate.named_layer(Orders(self.desk.clone())));
        Box::new(|listener| {
            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
            tokio::spawn(server.serve_with_incoming(incoming)).abort_handle()
        })
    }

    /// Reports requests that have reached the layer.
    fn door<B>(&self) -> impl Fn(Request<B>) -> Request<B> + Clone + use<B> {
        let course = self.desk.course.clone();
        move |request| {
            if request.uri().path().to_lowercase().contains("orders") {
                course.made(Step::Arrived);
            }
            request
        }
    }
}
