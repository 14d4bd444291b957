//! tonic servers as the follower and as the leader, and a tonic client.

use std::convert::Infallible;

use axum::response::IntoResponse;
use noleader::LeaderOnlyLayer;
use tokio::{net::TcpListener, task::JoinSet};
use tonic::{
    body::Body,
    client,
    server::NamedService,
    transport::{self, Channel, Endpoint, server::TcpIncoming},
};
use tower::{Layer, Service};

use crate::{
    echo::Echo,
    node::{Node, settle},
    servers::{Proto, client as http_client, listen},
};

/// A follower in front of a leader.
pub(crate) struct Grpc {
    pub(crate) leader: Node,
    _follower: Node,
    channel: Channel,
    _servers: JoinSet<()>,
}

impl Grpc {
    pub(crate) async fn start() -> Self {
        let mut servers = JoinSet::new();
        let (listener, url) = listen();
        let leader = Node::join("a", &Default::default(), &Default::default(), |builder| {
            builder.dangerous_trust_absent_key(true).address(url)
        })
        .await;
        let follower = Node::join("b", &leader.store, &leader.clock, |builder| builder).await;
        settle().await;
        let gate = LeaderOnlyLayer::new(leader.handle.clone());
        serve(&mut servers, listener, gate.layer(Echo));
        Self {
            channel: follow(&mut servers, &follower),
            leader,
            _follower: follower,
            _servers: servers,
        }
    }

    pub(crate) async fn client(&self) -> client::Grpc<Channel> {
        let mut client = client::Grpc::new(self.channel.clone());
        client.ready().await.unwrap();
        client
    }
}

fn serve<S>(servers: &mut JoinSet<()>, listener: TcpListener, service: S)
where
    S: Service<
            http::Request<Body>,
            Response: IntoResponse,
            Error = Infallible,
            Future: Send + 'static,
        > + NamedService
        + Clone
        + Send
        + Sync
        + 'static,
{
    let server = transport::Server::builder().add_service(service);
    let incoming = TcpIncoming::from(listener);
    servers.spawn(async { server.serve_with_incoming(incoming).await.unwrap() });
}

/// A client of a follower's server.
pub(crate) fn follow(servers: &mut JoinSet<()>, follower: &Node) -> Channel {
    let (listener, url) = listen();
    let client = http_client::<Body>(Proto::H2);
    let layer = LeaderOnlyLayer::new(follower.handle.clone()).forward(client);
    serve(servers, listener, layer.layer(Echo));
    Endpoint::from_shared(url).unwrap().connect_lazy()
}
