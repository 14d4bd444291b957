//! tonic: the layer around a service and around a server, as a client sees it.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use http::uri::PathAndQuery;
use noleader::{LeaderOnlyLayer, Term};
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::{
    Code, Status,
    body::Body,
    client,
    server::{self, NamedService, UnaryService},
    transport::{Channel, Endpoint, Server, server::TcpIncoming},
};
use tonic_prost::ProstCodec;
use tower::{BoxError, Layer, Service};

use crate::node::Node;

/// Responds with the token of the request's term. In place of generated code.
#[derive(Clone)]
pub(crate) struct Tokens;

impl NamedService for Tokens {
    const NAME: &'static str = "test.Tokens";
}

impl UnaryService<()> for Tokens {
    type Response = u64;
    type Future = Ready<Result<tonic::Response<u64>, Status>>;

    fn call(&mut self, request: tonic::Request<()>) -> Self::Future {
        let token = request
            .extensions()
            .get::<Term>()
            .map_or(0, |term| term.token().into());
        ready(Ok(tonic::Response::new(token)))
    }
}

impl Service<http::Request<Body>> for Tokens {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = server::Grpc::new(ProstCodec::<u64, ()>::default());
            Ok(grpc.unary(Tokens, request).await)
        })
    }
}

async fn listen() -> (TcpIncoming, Channel) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let channel = Endpoint::from_shared(address).unwrap().connect_lazy();
    (TcpIncoming::from(listener), channel)
}

async fn token(channel: Channel) -> Result<u64, Status> {
    let mut client = client::Grpc::new(channel);
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static("/test.Tokens/Get");
    let codec = ProstCodec::<(), u64>::default();
    let response = client.unary(tonic::Request::new(()), path, codec).await?;
    Ok(response.into_inner())
}

async fn check(node: Node, channel: Channel, server: JoinHandle<Result<(), BoxError>>) {
    let term = node.handle.term().unwrap().token();
    assert_eq!(token(channel.clone()).await.unwrap(), u64::from(term));
    node.handle.shutdown().await.unwrap();
    let status = token(channel).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(
        status.message(),
        "this node does not lead: it has left the election; the request was not executed"
    );
    assert_eq!(status.metadata().get("noleader-reason").unwrap(), "stopped");
    assert_eq!(
        status.metadata().get("grpc-retry-pushback-ms").unwrap(),
        "1000"
    );
    server.abort();
}

#[tokio::test]
async fn one_tonic_service_is_gated() {
    let node = Node::leader().await;
    let gated = LeaderOnlyLayer::new(node.handle.clone()).layer(Tokens);
    let (incoming, channel) = listen().await;
    let server = Server::builder()
        .add_service(gated)
        .serve_with_incoming(incoming);
    let server = tokio::spawn(async move { Ok(server.await?) });
    check(node, channel, server).await;
}

#[tokio::test]
async fn a_whole_tonic_server_is_gated() {
    let node = Node::leader().await;
    let (incoming, channel) = listen().await;
    let server = Server::builder()
        .layer(LeaderOnlyLayer::new(node.handle.clone()).writes_only())
        .add_service(Tokens)
        .serve_with_incoming(incoming);
    let server = tokio::spawn(async move { Ok(server.await?) });
    check(node, channel, server).await;
}
