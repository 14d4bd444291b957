//! Rejections that name the leader.

use std::{convert::Infallible, future::ready};

use axum::body::Body;
use http::{Request, Response};
use noleader::{LeaderOnlyLayer, test_util::FakeClock};
use tower::{Layer, ServiceExt, service_fn};

use crate::node::{Fragile, Node};

const ADDRESS: &str = "http://x.example:8080";

fn request(content_type: &str) -> Request<Body> {
    Request::post("/orders")
        .header("content-type", content_type)
        .body(Body::empty())
        .unwrap()
}

macro_rules! answer {
    ($node:expr, $content_type:expr, $($action:tt)*) => {{
        let service = service_fn(|_| ready(Ok::<Response<Body>, Infallible>(Response::default())));
        let layer = LeaderOnlyLayer::new($node.handle.clone()).$($action)*;
        layer.layer(service).oneshot(request($content_type)).await.unwrap()
    }};
}

#[tokio::test(start_paused = true)]
async fn http_and_grpc_name_the_leader() {
    let node = Node::follower_of(Some(ADDRESS)).await;
    for content_type in ["application/json", "application/grpc"] {
        let response = answer!(node, content_type, reveal_leader(true));
        assert_eq!(response.headers()["noleader-leader"], "x");
        assert_eq!(response.headers()["noleader-leader-address"], ADDRESS);
        assert_eq!(response.headers()["noleader-reason"], "not_leader");
    }
}

#[tokio::test(start_paused = true)]
async fn reveal_leader_works_after_other_settings() {
    let node = Node::follower_of(Some(ADDRESS)).await;
    let response = answer!(node, "text/plain", cancel_on_loss().reveal_leader(true));
    assert_eq!(response.headers()["noleader-leader"], "x");
    let waits = std::time::Duration::ZERO;
    let response = answer!(node, "text/plain", wait_up_to(waits).reveal_leader(true));
    assert_eq!(response.headers()["noleader-leader"], "x");
}

#[tokio::test(start_paused = true)]
async fn reveal_leader_is_off_by_default() {
    let node = Node::follower_of(Some(ADDRESS)).await;
    let default = answer!(node, "text/plain", writes_only());
    let off = answer!(node, "text/plain", reveal_leader(true).reveal_leader(false));
    for response in [default, off] {
        assert!(!response.headers().contains_key("noleader-leader"));
        assert!(!response.headers().contains_key("noleader-leader-address"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_leader_is_not_named() {
    let node = Node::follower_of(None).await;
    let response = answer!(node, "text/plain", reveal_leader(true));
    assert_eq!(response.headers()["noleader-leader"], "x");
    assert!(!response.headers().contains_key("noleader-leader-address"));

    let node = Node::follower().await;
    let response = answer!(node, "text/plain", reveal_leader(true));
    assert_eq!(response.headers()["noleader-reason"], "no_leader");
    assert!(!response.headers().contains_key("noleader-leader"));
}

#[tokio::test(start_paused = true)]
async fn an_unusable_address_is_not_named() {
    for address in ["http://user:password@x", "http://x\r\nset-cookie: a=b"] {
        let node = Node::follower_of(Some(address)).await;
        let response = answer!(node, "text/plain", reveal_leader(true));
        assert_eq!(response.headers()["noleader-leader"], "x");
        assert!(!response.headers().contains_key("noleader-leader-address"));
        assert!(!response.headers().contains_key("set-cookie"));
    }
}

#[tokio::test(start_paused = true)]
async fn reveal_leader_combines_with_redirect() {
    let node = Node::follower_of(Some("nats://x.example:4222")).await;
    let before = answer!(node, "text/plain", reveal_leader(true).redirect());
    let after = answer!(node, "text/plain", redirect().reveal_leader(true));
    for response in [before, after] {
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()["noleader-leader"], "x");
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_without_redirects_is_not_named() {
    const OWN: &str = "http://own.example:8080";
    for address in ["ftp://x.example", "nats://x.example:4222", OWN] {
        let node = Node::join("a", &Fragile::default(), &FakeClock::new(), |builder| {
            builder.address(OWN)
        })
        .await;
        node.sees_leader(Some(address)).await;
        let response = answer!(node, "text/plain", reveal_leader(true));
        assert_eq!(response.headers()["noleader-leader"], "x");
        assert!(!response.headers().contains_key("noleader-leader-address"));
    }
}
