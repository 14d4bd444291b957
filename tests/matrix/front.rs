//! A server with its layer and its handlers, built as an application would.

use std::{convert::Infallible, time::Duration};

use ::http::{Request, Response};
use axum::{
    Router,
    response::IntoResponse,
    routing::{Route, get},
    serve::ListenerExt,
};
use noleader::LeaderHandle;
use tokio::{net::TcpListener, task::AbortHandle};
use tonic::{
    body::Body,
    server::NamedService,
    service::Routes,
    transport::{Server, server::TcpIncoming},
};
use tower::{BoxError, Layer, Service, util::MapRequestLayer};

use crate::{
    cell::{Cell, Setting},
    desk::{Desk, Step},
    grpc::Orders,
    http,
};

/// Starts a server on a listener.
pub(crate) type Front = Box<dyn FnOnce(TcpListener) -> AbortHandle>;

/// The parts of a server.
pub(crate) struct Spot<'a> {
    pub(crate) cell: &'a Cell<'a>,
    pub(crate) handle: LeaderHandle,
    pub(crate) desk: Desk,
    /// The limit for holding a request.
    pub(crate) wait: Duration,
    /// The limit for the leader's response.
    pub(crate) time_limit: Duration,
}

impl Spot<'_> {
    pub(crate) fn setting(&self) -> Setting {
        self.cell.setting
    }

    /// One layer for every protocol.
    pub(crate) fn front<L>(&self, gate: L) -> Front
    where
        L: Layer<Route> + Layer<Orders> + Clone + Send + Sync + 'static,
        <L as Layer<Route>>::Service: Service<
                Request<axum::body::Body>,
                Response: IntoResponse + 'static,
                Error: Into<Infallible> + 'static,
                Future: Send + 'static,
            > + Clone
            + Send
            + Sync
            + 'static,
        <L as Layer<Orders>>::Service: Service<
                Request<Body>,
                Response: IntoResponse,
                Error = Infallible,
                Future: Send + 'static,
            > + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
    {
        if self.cell.protocol.is_grpc() {
            self.grpc(gate)
        } else {
            self.http(gate)
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
            > + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
    {
        let server = Server::builder()
            .layer(MapRequestLayer::new(self.door()))
            .add_service(gate.layer(Orders(self.desk.clone())));
        Box::new(|listener| {
            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
            tokio::spawn(server.serve_with_incoming(incoming)).abort_handle()
        })
    }

    /// A tonic server, with the layer around the whole server.
    pub(crate) fn grpc_server<L>(&self, gate: L) -> Front
    where
        L: Layer<Routes> + Clone + Send + 'static,
        L::Service: Service<
                Request<Body>,
                Response = Response<Body>,
                Error: Into<BoxError> + Send,
                Future: Send,
            > + Clone
            + Send
            + 'static,
    {
        let server = Server::builder()
            .layer(MapRequestLayer::new(self.door()))
            .layer(gate)
            .add_service(Orders(self.desk.clone()));
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
