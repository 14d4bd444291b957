//! Client streams of gRPC that are refused while the client sends.

use ::http::uri::PathAndQuery;
use futures_util::stream;
use noleader::LeaderOnlyLayer;
use tonic::{
    Code, Request, Status,
    client::Grpc,
    transport::{Endpoint, Server as TonicServer, server::TcpIncoming},
};
use tonic_prost::ProstCodec;
use tower::Layer;

use crate::{
    cluster::{Cluster, Node, Site, soon},
    grpc::{self, IMPORT, OrdersService},
    ledger::ID,
    orders::Orders,
    server::Server,
};

const MESSAGE: usize = 1024 * 1024;
const MESSAGES: usize = 50;
const TRIES: usize = 5;

fn reject(site: Site) -> Server {
    let gate = LeaderOnlyLayer::new(site.handle);
    let orders = OrdersService(Orders::default());
    let server = TonicServer::builder().add_service(gate.layer(orders));
    let incoming = TcpIncoming::from(site.listener);
    Server::spawn(async { server.serve_with_incoming(incoming).await.unwrap() })
}

/// Sends a stream to a node, and returns the status.
async fn import(node: &Node) -> Status {
    let channel = Endpoint::from_shared(node.url.clone()).unwrap();
    let mut client = Grpc::new(channel.connect_lazy());
    client.ready().await.unwrap();
    let messages = stream::iter((0..MESSAGES).map(|_| "x".repeat(MESSAGE)));
    let path = PathAndQuery::from_static(IMPORT);
    let codec = ProstCodec::<String, String>::default();
    let mut request = Request::new(messages);
    request.metadata_mut().insert(ID, "import".parse().unwrap());
    let imported = client.client_streaming(request, path, codec);
    soon(imported).await.unwrap_err()
}

#[tokio::test]
async fn a_rejection_of_a_stream_is_read() {
    let cluster = Cluster::start(reject).await;
    for _ in 0..TRIES {
        let status = import(&cluster.nodes[1]).await;
        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
        assert!(status.message().contains("not executed"), "{status:?}");
    }
}

#[tokio::test]
async fn an_early_status_of_the_leader_is_read() {
    let orders = Orders::default();
    let cluster = Cluster::start(|site| grpc::serve(site, &orders)).await;
    for _ in 0..TRIES {
        let status = import(&cluster.nodes[1]).await;
        assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
        assert_eq!(status.message(), "closed");
    }
}
