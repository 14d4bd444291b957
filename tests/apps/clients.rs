//! What the leader learns of the clients of a follower.

use std::net::SocketAddr;

use ::http::{HeaderMap, Request, request::Parts};
use axum::{Router, body::Body, extract::ConnectInfo, routing::any};
use http_body_util::BodyExt;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use noleader::{LeaderOnlyLayer, middleware::ClientInfo};
use tokio::sync::watch;

use crate::{
    cluster::{Cluster, Node, Site, soon},
    http::forwarding_client,
    server::Server,
};

/// Claims of a client. It lists some of them as hop-by-hop, so that a proxy removes them.
const SPOOFED: [(&str, &str); 7] = [
    ("connection", "x-forwarded-for, forwarded, x-forwarded-host"),
    ("forwarded", "for=10.0.0.1;by=secret"),
    ("x-forwarded-for", "10.0.0.1"),
    ("x-forwarded-for", "10.0.0.2"),
    ("x-forwarded-host", "admin.example"),
    ("x-forwarded-port", "443"),
    ("x-forwarded-proto", "https"),
];

/// The headers that say who the client is.
async fn shown(headers: HeaderMap) -> String {
    let is_shown = |name: &str| name == "forwarded" || name.starts_with("x-forwarded");
    let headers = headers.iter().filter(|(name, _)| is_shown(name.as_str()));
    let lines = headers.map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()));
    let mut lines: Vec<_> = lines.collect();
    lines.sort_unstable();
    lines.concat()
}

fn peer(request: &Parts) -> ClientInfo {
    let ConnectInfo(peer) = request.extensions.get::<ConnectInfo<SocketAddr>>().unwrap();
    ClientInfo::new(peer.ip())
}

/// Nodes whose servers know the address of each connection.
async fn cluster(describe: Option<fn(&Parts) -> ClientInfo>) -> Cluster {
    Cluster::start(|site: Site| {
        let client = forwarding_client(watch::Sender::new(0));
        let gate = LeaderOnlyLayer::new(site.handle).forward(client);
        let gate = match describe {
            Some(describe) => gate.client_info(describe),
            None => gate,
        };
        let app = Router::new().route("/orders", any(shown)).layer(gate);
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        Server::spawn(async move { axum::serve(site.listener, app).await.unwrap() })
    })
    .await
}

/// What the leader sees of a request with these headers.
async fn seen(node: &Node, headers: &[(&str, &str)]) -> String {
    let request = Request::post(format!("{}/orders", node.url)).header("host", "shop.example:80");
    let request = headers
        .iter()
        .fold(request, |r, line| r.header(line.0, line.1));
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build_http();
    let response = soon(client.request(request.body(Body::empty()).unwrap()))
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let body = soon(response.into_body().collect())
        .await
        .unwrap()
        .to_bytes();
    String::from_utf8(body.into()).unwrap()
}

#[tokio::test]
async fn spoofed_headers_do_not_reach_the_leader() {
    let cluster = cluster(Some(peer)).await;
    let expected = "forwarded: for=127.0.0.1;host=\"shop.example:80\";proto=http\n\
                    x-forwarded-for: 127.0.0.1\n\
                    x-forwarded-host: shop.example:80\n\
                    x-forwarded-proto: http\n";
    assert_eq!(seen(&cluster.nodes[1], &SPOOFED).await, expected);
    assert_eq!(seen(&cluster.nodes[1], &SPOOFED[1..]).await, expected);
    assert_eq!(seen(&cluster.nodes[1], &[]).await, expected);
}

#[tokio::test]
async fn headers_of_a_trusted_proxy_are_kept() {
    let cluster = cluster(Some(|request| peer(request).https().trusted_proxy())).await;
    let expected = "forwarded: for=10.0.0.1;by=secret, \
                    for=127.0.0.1;host=\"shop.example:80\";proto=https\n\
                    x-forwarded-for: 10.0.0.1, 10.0.0.2, 127.0.0.1\n\
                    x-forwarded-host: admin.example\n\
                    x-forwarded-port: 443\n\
                    x-forwarded-proto: https\n";
    assert_eq!(seen(&cluster.nodes[1], &SPOOFED[1..]).await, expected);
}

#[tokio::test]
async fn without_the_setting_headers_pass_unchanged() {
    let cluster = cluster(None).await;
    let expected = "forwarded: for=10.0.0.1;by=secret\n\
                    x-forwarded-for: 10.0.0.1\n\
                    x-forwarded-for: 10.0.0.2\n\
                    x-forwarded-host: admin.example\n\
                    x-forwarded-port: 443\n\
                    x-forwarded-proto: https\n";
    for node in &cluster.nodes {
        assert_eq!(seen(node, &SPOOFED[1..]).await, expected);
    }
}

/// The leader admits its own clients with the headers that they send.
#[tokio::test]
async fn the_leader_changes_nothing() {
    let cluster = cluster(Some(peer)).await;
    let spoofed = seen(&cluster.nodes[0], &SPOOFED[1..3]).await;
    assert_eq!(
        spoofed,
        "forwarded: for=10.0.0.1;by=secret\nx-forwarded-for: 10.0.0.1\n"
    );
}
