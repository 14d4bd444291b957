//! A node with a tonic server that forwards calls while it does not lead.

use std::time::Duration;

use http::{Request, Response};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use noleader::{Builder, LeaderHandle, LeaderOnlyLayer, Term};
use tokio::net::TcpListener;
use tonic::{
    Status,
    body::Body,
    transport::{Server, server::TcpIncoming},
};
use tower::{BoxError, Layer, Service};

use crate::orders::{
    CreateReply, CreateRequest,
    orders_server::{Orders, OrdersServer},
};

/// Small compared to the connection's, so that callers that do not read their responses do not block the others.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 5 * 1024 * 1024;

/// More than the servers here accept, so that the headers of one caller do not end the shared connection.
const HEADER_LIMIT: u32 = 64 * 1024;

/// A node, and where its server listens.
pub(crate) struct Node {
    pub(crate) handle: LeaderHandle,
    pub(crate) url: String,
}

impl Node {
    /// Starts a node: the same service on each, whether it can lead or not.
    pub(crate) async fn start<C, B>(
        id: &'static str,
        nats_url: &str,
        role: impl FnOnce(Builder) -> Builder,
        client: C,
    ) -> anyhow::Result<Self>
    where
        C: Service<
                Request<Body>,
                Response = Response<B>,
                Error: Into<BoxError>,
                Future: Send + 'static,
            > + Clone
            + Send
            + Sync
            + 'static,
        B: http_body::Body<Data = bytes::Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let candidate = LeaderHandle::builder("tonic_forward", "orders")
            .id(id)
            .address(&url)
            .lease(Duration::from_secs(3));
        let handle = role(candidate)
            .start(async_nats::connect(nats_url).await?)
            .await?;

        let gated = LeaderOnlyLayer::new(handle.clone())
            // Delays a call during a hand-over instead of rejecting it.
            .wait_up_to(Duration::from_secs(2))
            .forward(client)
            .layer(OrdersServer::new(Desk(id)));
        let server = Server::builder()
            .http2_max_header_list_size(HEADER_LIMIT)
            .add_service(gated);
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        Ok(Self { handle, url })
    }
}

/// hyper-util's client, which calls the host that a request's URI names. gRPC needs HTTP/2, here without TLS.
pub(crate) fn hyper_client() -> Client<HttpConnector, Body> {
    Client::builder(TokioExecutor::new())
        .http2_only(true)
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .build_http()
}

/// The service. It runs on the leader, whichever node was called.
struct Desk(&'static str);

#[tonic::async_trait]
impl Orders for Desk {
    async fn create(
        &self,
        request: tonic::Request<CreateRequest>,
    ) -> Result<tonic::Response<CreateReply>, Status> {
        let term = request.extensions().get::<Term>();
        let term = term.ok_or_else(|| Status::internal("the service is not guarded"))?;
        Ok(tonic::Response::new(CreateReply {
            node: self.0.to_owned(),
            token: term.token().into(),
        }))
    }
}
