//! The endpoints as axum routes, over a socket.

use std::{collections::BTreeMap, net::SocketAddr};

use axum::{Router, routing::post};
use http::Request;
use noleader::{Health, LeaderOnlyLayer, Liveness};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower::{Service, ServiceExt};

use crate::node::{Node, soon};

const PATHS: [&str; 2] = ["/health", "/live"];

struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

/// An app with gated writes and ungated health endpoints.
async fn serve(node: &Node) -> SocketAddr {
    let app = Router::new()
        .route("/orders", post("taken"))
        .layer(LeaderOnlyLayer::new(node.handle.clone()))
        .route_service("/health", node.handle.health())
        .route_service("/live", node.handle.liveness());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    addr
}

async fn ask(addr: SocketAddr, method: &str, path: &str) -> Answer {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let mut head = head.lines();
    let status = head.next().unwrap().split(' ').nth(1).unwrap();
    let mut headers: BTreeMap<_, _> = head
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    headers.remove("date");
    Answer {
        status: status.parse().unwrap(),
        headers,
        body: body.to_owned(),
    }
}

#[tokio::test]
async fn leader_is_healthy_and_follower_is_alive() {
    let a = Node::leader().await;
    let b = a.rival().await;
    for (node, statuses) in [(a, [200, 200]), (b, [503, 200])] {
        let addr = serve(&node).await;
        for (path, status) in PATHS.into_iter().zip(statuses) {
            let answer = ask(addr, "GET", path).await;
            assert_eq!(answer.status, status, "{path}");
            let expected = [
                ("cache-control", "no-store"),
                ("connection", "close"),
                ("content-length", &answer.body.len().to_string()),
                ("content-type", "application/json"),
            ];
            let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
            assert_eq!(answer.headers, BTreeMap::from(expected));
            let report: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
            assert!(report["status"].is_string(), "{report}");
        }
    }
}

#[tokio::test]
async fn head_responds_like_get_without_a_body() {
    let node = Node::follower().await;
    let addr = serve(&node).await;
    for (path, status) in PATHS.into_iter().zip([503, 200]) {
        let answer = ask(addr, "HEAD", path).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.headers["content-type"], "application/json");
        let length: usize = answer.headers["content-length"].parse().unwrap();
        assert!(length > 0);
        assert_eq!(answer.body, "");
    }
}

#[tokio::test]
async fn other_methods_are_rejected() {
    let node = Node::leader().await;
    let addr = serve(&node).await;
    for path in PATHS {
        let answer = ask(addr, "POST", path).await;
        assert_eq!(answer.status, 405);
        assert_eq!(answer.headers["allow"], "GET, HEAD");
        assert_eq!(answer.body, "");
    }
}

#[tokio::test]
async fn endpoints_are_services_for_any_request_body() {
    fn is_shareable<T: Clone + Send + Sync + 'static>() {}
    is_shareable::<Health>();
    is_shareable::<Liveness>();

    let node = Node::leader().await;
    let mut health = node.handle.health();
    let with_text = Request::new("text".to_owned());
    assert_eq!(health.call(with_text).await.unwrap().status(), 200);
    let liveness = node.handle.liveness();
    let answer = liveness.oneshot(Request::new(())).await.unwrap();
    assert_eq!(answer.status(), 200);
}
