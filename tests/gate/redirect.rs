//! Which requests a follower redirects to the leader, and which it rejects.

use std::{convert::Infallible, future::ready};

use axum::body::Body;
use http::{Method, Request, Response};
use http_body::Body as _;
use noleader::{
    LeaderOnly, LeaderOnlyLayer,
    middleware::{Redirect, ResponseBody},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::node::{Node, settle};

const OWN: &str = "http://own.example:8080";

/// A leader that publishes `address`, and a follower that publishes its own.
async fn pair(address: Option<&str>) -> (Node, Node) {
    let leader = Node::join("a", &Default::default(), &Default::default(), |builder| {
        let builder = builder.dangerous_trust_absent_key(true);
        match address {
            Some(address) => builder.address(address),
            None => builder,
        }
    })
    .await;
    assert!(leader.handle.is_leader());
    let follower = Node::join("b", &leader.store, &leader.clock, |builder| {
        builder.address(OWN)
    })
    .await;
    settle().await;
    assert_eq!(follower.handle.leader().unwrap().address(), address);
    (leader, follower)
}

async fn send(node: &Node, request: Request<Body>) -> Response<ResponseBody<Body>> {
    let service = service_fn(|_| ready(Ok::<Response<Body>, Infallible>(Response::default())));
    let layer = LeaderOnlyLayer::new(node.handle.clone()).redirect();
    layer.layer(service).oneshot(request).await.unwrap()
}

fn request(method: Method, uri: &str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(uri)
        .body(Body::empty())
        .unwrap()
}

#[track_caller]
fn is_rejected(response: &Response<ResponseBody<Body>>, reason: &str) {
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["noleader-reason"], reason);
    assert!(response.headers().contains_key("retry-after"));
    assert!(!response.headers().contains_key("location"));
}

/// rqlite#388: a 301 turns POST into GET.
#[tokio::test(start_paused = true)]
async fn a_request_is_redirected_with_307() {
    let (_leader, follower) = pair(Some("https://leader.example/base/")).await;
    for method in [Method::GET, Method::HEAD, Method::POST, Method::DELETE] {
        let response = send(&follower, request(method, "/orders/7?full=yes")).await;
        assert_eq!(response.status(), 307);
        let headers = response.headers();
        assert_eq!(headers.len(), 4);
        assert_eq!(
            headers["location"],
            "https://leader.example/base/orders/7?full=yes"
        );
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(headers["content-length"], "0");
        assert_eq!(headers["noleader-reason"], "not_leader");
        assert!(response.body().is_end_stream());
    }
}

#[tokio::test(start_paused = true)]
async fn the_leader_serves_the_request_itself() {
    let (leader, _follower) = pair(Some("http://leader.example")).await;
    let response = send(&leader, request(Method::POST, "/orders")).await;
    assert_eq!(response.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn ungated_requests_are_not_redirected() {
    let (_leader, follower) = pair(Some("http://leader.example")).await;
    let service = service_fn(|_| ready(Ok::<Response<Body>, Infallible>(Response::default())));
    let layer = LeaderOnlyLayer::new(follower.handle.clone())
        .redirect()
        .writes_only();
    let service = layer.layer(service);
    let get = service.clone().oneshot(request(Method::GET, "/orders"));
    assert_eq!(get.await.unwrap().status(), 200);
    let post = service.oneshot(request(Method::POST, "/orders"));
    assert_eq!(post.await.unwrap().status(), 307);
}

#[tokio::test(start_paused = true)]
async fn grpc_is_rejected_as_grpc() {
    let (_leader, follower) = pair(Some("http://leader.example")).await;
    let mut call = request(Method::POST, "/orders.Orders/Create");
    let content_type = "application/grpc+proto".parse().unwrap();
    call.headers_mut().insert("content-type", content_type);
    let response = send(&follower, call).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["grpc-status"], "14");
    assert!(!response.headers().contains_key("location"));
}

/// Vault#6881, LiteFS: redirect loops.
#[tokio::test(start_paused = true)]
async fn nothing_is_redirected_to_this_node() {
    for own in [OWN, "HTTP://OWN.example.:8080/other/path"] {
        let (_leader, follower) = pair(Some(own)).await;
        let response = send(&follower, request(Method::POST, "/orders")).await;
        is_rejected(&response, "not_leader");
    }
    let (_leader, follower) = pair(Some("https://own.example:8080")).await;
    let response = send(&follower, request(Method::POST, "/orders")).await;
    assert_eq!(response.status(), 307, "another scheme is another origin");
}

#[tokio::test(start_paused = true)]
async fn without_an_address_a_request_is_rejected() {
    let (_leader, follower) = pair(None).await;
    let response = send(&follower, request(Method::POST, "/orders")).await;
    is_rejected(&response, "not_leader");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_redirected_to_an_unusable_address() {
    let node = Node::follower_of(Some("http://h.example")).await;
    let response = send(&node, request(Method::POST, "/orders")).await;
    assert_eq!(response.headers()["location"], "http://h.example/orders");
    for address in [
        "nats://h.example:4222",
        "http://h.example:0x",
        "http://user:password@h.example",
        "http://h.example\r\nset-cookie: a=b",
        "http://h.example/\u{0}",
        "javascript:alert(1)",
        "//h.example",
        "/here",
        "",
    ] {
        let node = Node::follower_of(Some(address)).await;
        let response = send(&node, request(Method::POST, "/orders")).await;
        is_rejected(&response, "not_leader");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_leader_a_request_is_rejected() {
    let response = send(&Node::follower().await, request(Method::POST, "/")).await;
    is_rejected(&response, "no_leader");
    let response = send(&Node::stopped().await, request(Method::POST, "/")).await;
    is_rejected(&response, "stopped");
    let (draining, _admission, _) = Node::draining().await;
    let response = send(&draining, request(Method::POST, "/")).await;
    is_rejected(&response, "draining");
}

#[tokio::test(start_paused = true)]
async fn requests_without_a_path_are_rejected() {
    let (_leader, follower) = pair(Some("http://leader.example")).await;
    let options = send(&follower, request(Method::OPTIONS, "*")).await;
    is_rejected(&options, "not_leader");
    let connect = send(&follower, request(Method::CONNECT, "h.example:443")).await;
    is_rejected(&connect, "not_leader");
}

#[tokio::test(start_paused = true)]
async fn a_follower_does_not_call_the_service() {
    let (_leader, follower) = pair(Some("http://leader.example")).await;
    let layer = LeaderOnlyLayer::new(follower.handle.clone()).redirect();
    let (inner, mut calls) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
    let mut service: LeaderOnly<_, Redirect> = layer.layer(inner);
    let response = service
        .ready()
        .await
        .unwrap()
        .call(request(Method::POST, "/"));
    assert_eq!(response.await.unwrap().status(), 307);
    drop(service);
    assert!(calls.next_request().await.is_none());
}

#[tokio::test]
async fn the_location_reaches_the_leader() {
    let serve = |listener: TcpListener, node: &Node| {
        let app = axum::Router::new()
            .route(
                "/orders",
                axum::routing::post(|body: String| async { body }),
            )
            .layer(LeaderOnlyLayer::new(node.handle.clone()).redirect());
        tokio::spawn(async move { axum::serve(listener, app).await })
    };
    let listeners = [
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
        TcpListener::bind("127.0.0.1:0").await.unwrap(),
    ];
    let [address, entry] = listeners.each_ref().map(|l| l.local_addr().unwrap());
    let url = format!("http://{address}");
    let (leader, follower) = pair(Some(&url)).await;
    let [at_leader, at_follower] = listeners;
    let servers = [serve(at_leader, &leader), serve(at_follower, &follower)];

    let first = exchange(&entry.to_string(), "/orders?n=1").await;
    let location = format!("location: {url}/orders?n=1\r\n");
    assert!(first.starts_with("HTTP/1.1 307 "), "{first}");
    assert!(first.contains(&location), "{first}");
    let second = exchange(&address.to_string(), "/orders?n=1").await;
    assert!(second.starts_with("HTTP/1.1 200 "), "{second}");
    assert!(second.ends_with("hi"), "{second}");
    servers.iter().for_each(tokio::task::JoinHandle::abort);
}

async fn exchange(address: &str, path: &str) -> String {
    let mut client = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi"
    );
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    answer
}
