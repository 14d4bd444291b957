//! gRPC-Web: the gate outside and inside of tonic-web, and connect-web as the client.

use std::time::Duration;

use ::http::Request;
use noleader::{Builder, LeaderOnlyLayer, store::Memory};
use tonic::{
    Code,
    body::Body,
    transport::{Server as TonicServer, server::TcpIncoming},
};
use tonic_web::GrpcWebLayer;
use tower::{Layer, ServiceBuilder, util::MapRequestLayer};

use crate::{
    cluster::{Cluster, Site, WAIT, soon},
    connect_web::{ConnectWeb, Event, Failure},
    drain::Drain,
    grpc::{self, OrdersService, Tonic},
    orders::Orders,
    server::Server,
};

/// Serves until the test ends, and returns the URL.
macro_rules! served {
    ($server:expr, $service:expr) => {{
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = $server.accept_http1(true).add_service($service);
        tokio::spawn(
            server.serve_with_incoming(tonic::transport::server::TcpIncoming::from(listener)),
        );
        url
    }};
}

pub(crate) use served;

/// Serves with the gate outside and inside of tonic-web, around the server and around a service. Returns a name and the
/// URL of each.
macro_rules! stacks {
    ($gate:expr, $orders:expr) => {{
        let service = || OrdersService($orders.clone());
        let (plain, web) = (TonicServer::builder, GrpcWebLayer::new);
        [
            (
                "outside, server",
                served!(plain().layer($gate).layer(web()), service()),
            ),
            (
                "inside, server",
                served!(plain().layer(web()).layer($gate), service()),
            ),
            (
                "outside, service",
                served!(plain(), $gate.layer(web().layer(service()))),
            ),
            (
                "inside, service",
                served!(plain(), web().layer($gate.layer(service()))),
            ),
        ]
    }};
}

/// Serves gRPC-Web and gRPC behind a gate that holds and forwards requests.
pub(crate) fn serve(site: Site, orders: &Orders) -> Server {
    let gate = LeaderOnlyLayer::new(site.handle)
        .wait_up_to(WAIT)
        .forward(grpc::forwarding_client());
    let arrived = site.arrived;
    let record = MapRequestLayer::new(move |request: Request<Body>| {
        arrived.record(request.headers());
        request
    });
    let layers = ServiceBuilder::new()
        .layer(record)
        .layer(gate)
        .layer(GrpcWebLayer::new());
    let server = TonicServer::builder()
        .accept_http1(true)
        .layer(layers)
        .add_service(OrdersService(orders.clone()));
    let incoming = TcpIncoming::from(site.listener);
    Server::spawn(async { server.serve_with_incoming(incoming).await.unwrap() })
}

async fn cluster(orders: &Orders) -> Cluster {
    Cluster::start(|site| serve(site, orders)).await
}

fn assert_rejected(failure: &Failure, stack: &str) {
    assert_eq!(
        failure.message,
        "this node does not lead: another node leads; the request was not executed",
        "{stack}"
    );
    assert_failed(failure, Code::Unavailable, "not_leader", stack);
    assert_eq!(failure.metadata["grpc-retry-pushback-ms"], "100", "{stack}");
}

fn assert_failed(failure: &Failure, code: Code, reason: &str, stack: &str) {
    assert_eq!(failure.code, code as i32, "{stack}: {failure:?}");
    // Once: the client joins the values of headers and trailers.
    assert_eq!(failure.metadata["noleader-reason"], reason, "{stack}");
}

#[tokio::test]
async fn followers_reject_grpc_web_in_any_order() {
    let Some(mut client) = ConnectWeb::start().await else {
        return;
    };
    let orders = Orders::default();
    let cluster = cluster(&orders).await;
    let gate = || LeaderOnlyLayer::new(cluster.nodes[1].handle.clone());
    let default = stacks!(gate(), orders);
    // Nothing is held, because another node leads.
    let holding = stacks!(gate().wait_up_to(WAIT), orders);
    let redirecting = stacks!(gate().redirect(), orders);
    for (stack, url) in default.iter().chain(&holding).chain(&redirecting) {
        client.create(url, "create").await;
        assert_rejected(&client.fails().await, stack);
        client.watch(url, "watch").await;
        let failure = client.fails().await;
        assert_rejected(&failure, stack);
        assert!(!failure.metadata.contains_key("noleader-leader"), "{stack}");
    }
    assert_eq!(orders.executed.len(), 0);
}

#[tokio::test]
async fn a_rejection_of_grpc_web_names_the_leader() {
    let Some(mut client) = ConnectWeb::start().await else {
        return;
    };
    let orders = Orders::default();
    let cluster = cluster(&orders).await;
    let gate = || LeaderOnlyLayer::new(cluster.nodes[1].handle.clone()).reveal_leader(true);
    for (stack, url) in stacks!(gate(), orders) {
        client.create(&url, "create").await;
        let failure = client.fails().await;
        assert_rejected(&failure, stack);
        assert_eq!(failure.metadata["noleader-leader"], "a");
        let address = &failure.metadata["noleader-leader-address"];
        assert_eq!(*address, cluster.nodes[0].url);
    }
}

#[tokio::test]
async fn grpc_web_reaches_the_leader_in_any_order() {
    let Some(mut client) = ConnectWeb::start().await else {
        return;
    };
    let orders = Orders::default();
    let cluster = cluster(&orders).await;
    for node in &cluster.nodes[..2] {
        let id = node.handle.id();
        let gate = || LeaderOnlyLayer::new(node.handle.clone());
        let forward = || gate().forward(grpc::forwarding_client());
        let forwarding = stacks!(forward(), orders);
        let holding = stacks!(forward().wait_up_to(WAIT), orders);
        for (stack, url) in forwarding.iter().chain(&holding) {
            let id = format!("{id}, {stack}, {url}");
            client.create(url, &id).await;
            client.receives("order").await;
            assert_eq!(orders.executed.times(&id), 1, "{id}");
        }
    }
}

#[tokio::test]
async fn grpc_web_streams_end_with_the_gate() {
    let Some(mut clients) = ConnectWeb::start_many(3).await else {
        return;
    };
    let orders = Orders::default();
    let cluster = cluster(&orders).await;
    for (client, node) in clients.iter_mut().zip(&cluster.nodes) {
        client.watch(&node.url, node.handle.id()).await;
        assert_eq!(client.event().await, Event::Message("open".to_owned()));
    }
    soon(cluster.nodes[0].step_down()).await.unwrap().unwrap();
    for mut client in clients {
        client.receives("bye").await;
    }
}

#[tokio::test]
async fn grpc_web_is_held_during_a_hand_over() {
    let Some(mut clients) = ConnectWeb::start_many(3).await else {
        return;
    };
    let orders = Orders::default();
    let cluster = cluster(&orders).await;
    let drain = Drain::begin(&Tonic, &cluster.nodes[0], &orders).await;
    for (client, node) in clients.iter_mut().zip(&cluster.nodes) {
        let id = node.handle.id();
        client.create(&node.url, id).await;
        node.arrived.until_all(&[id.to_owned()]).await;
        assert_eq!(orders.executed.times(id), 0);
    }
    drain.end().await;
    for (client, node) in clients.iter_mut().zip(&cluster.nodes) {
        client.receives("order").await;
        assert_eq!(orders.executed.times(node.handle.id()), 1);
    }
}

#[tokio::test]
async fn an_unresponsive_leader_is_a_grpc_web_error() {
    let Some(mut client) = ConnectWeb::start().await else {
        return;
    };
    let orders = Orders::default();
    let mut cluster = cluster(&orders).await;
    let leader = cluster.nodes.remove(0);
    let follower = &cluster.nodes[0].handle;
    let gate = || LeaderOnlyLayer::new(follower.clone()).forward(grpc::forwarding_client());
    let impatient = || gate().forward_timeout(Duration::from_millis(50));
    for (stack, url) in stacks!(impatient(), orders) {
        client.slow("create", &url, stack).await;
        let failure = client.fails().await;
        assert_failed(&failure, Code::DeadlineExceeded, "timeout", stack);
    }
    leader.server.stop().await;
    for (stack, url) in stacks!(gate(), orders) {
        client.create(&url, "unreachable").await;
        let failure = client.fails().await;
        assert_failed(&failure, Code::Unavailable, "unreachable", stack);
        assert!(failure.metadata.contains_key("grpc-retry-pushback-ms"));
    }
    assert_eq!(orders.executed.times("unreachable"), 0);
}

#[tokio::test]
async fn a_lost_term_is_a_grpc_web_error() {
    let Some(mut clients) = ConnectWeb::start_many(8).await else {
        return;
    };
    let orders = Orders::default();
    let short_drain = |builder: Builder<Memory>| builder.drain_timeout(Duration::from_millis(100));
    let cluster = Cluster::with_settings(short_drain, |site| serve(site, &orders)).await;
    let leader = &cluster.nodes[0];
    let gate = || LeaderOnlyLayer::new(leader.handle.clone()).cancel_on_loss();
    let stacks = stacks!(gate(), orders);
    for ((stack, url), clients) in stacks.iter().zip(clients.chunks_mut(2)) {
        clients[0].slow("create", url, stack).await;
        clients[1].slow("watch", url, stack).await;
        assert_eq!(clients[1].event().await, Event::Message("open".to_owned()));
    }
    let ids = stacks.each_ref().map(|(stack, _)| (*stack).to_owned());
    orders.executed.until_all(&ids).await;
    soon(leader.step_down()).await.unwrap().unwrap();
    for ((stack, _), clients) in stacks.iter().zip(clients.chunks_mut(2)) {
        for client in clients {
            assert_failed(&client.fails().await, Code::Aborted, "lost", stack);
        }
    }
}
