//! The exact rejections over HTTP and gRPC.

use std::{collections::BTreeMap, convert::Infallible, future::ready};

use axum::body::Body;
use http::{Method, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyExt;
use noleader::{LeaderHandle, LeaderOnlyLayer, Reason, middleware::ResponseBody};
use tower::{Layer, ServiceExt, service_fn};

use crate::node::{LEASE, Node, settle};

async fn send(handle: &LeaderHandle, request: Request<Body>) -> Response<ResponseBody<Body>> {
    let service = service_fn(|_| ready(Ok::<Response<Body>, Infallible>(Response::default())));
    let layer = LeaderOnlyLayer::new(handle.clone());
    layer.layer(service).oneshot(request).await.unwrap()
}

fn http(method: Method) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri("/")
        .body(Body::empty())
        .unwrap()
}

fn grpc(content_type: &str) -> Request<Body> {
    Request::post("/orders.Orders/Create")
        .header("content-type", content_type)
        .body(Body::empty())
        .unwrap()
}

fn headers<B>(response: &Response<B>) -> BTreeMap<&str, &str> {
    let headers = response.headers().iter();
    headers
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect()
}

/// A node for each reason for rejection, with the reason and its text.
async fn followers() -> Vec<(Node, Reason, &'static str)> {
    let other = Node::leader().await;
    let of_other = other.rival().await;
    settle().await;
    let (warming, warm) = Node::warming().await;
    let (draining, admission, _) = Node::draining().await;
    // The nodes keep their states for as long as the test runs.
    std::mem::forget((other, warm, admission));
    vec![
        (of_other, Reason::NotLeader, "another node leads"),
        (
            Node::follower().await,
            Reason::NoLeader,
            "no node leads at the moment",
        ),
        (
            warming,
            Reason::Warming,
            "it won the election and is warming up",
        ),
        (
            draining,
            Reason::Draining,
            "it is handing over to another node",
        ),
        (
            Node::stopped().await,
            Reason::Stopped,
            "it has left the election",
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn http_is_rejected_with_503() {
    for (node, reason, why) in followers().await {
        let response = send(&node.handle, http(Method::POST)).await;
        let text = format!("this node does not lead: {why}; the request was not executed\n");
        let retry_after = match reason {
            Reason::NotLeader => (LEASE / 3).as_secs().to_string(),
            _ => "1".to_owned(),
        };
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        let expected = BTreeMap::from([
            ("cache-control", "no-store"),
            ("content-length", text.len().to_string().leak()),
            ("content-type", "text/plain; charset=utf-8"),
            ("noleader-reason", reason.as_str()),
            ("retry-after", &retry_after),
        ]);
        assert_eq!(headers(&response), expected);
        let body = response.into_body();
        assert_eq!(body.size_hint().exact(), Some(text.len() as u64));
        assert_eq!(body.collect().await.unwrap().to_bytes(), text);
    }
}

#[tokio::test(start_paused = true)]
async fn the_response_to_head_has_no_body() {
    let node = Node::follower().await;
    let get = send(&node.handle, http(Method::GET)).await;
    let head = send(&node.handle, http(Method::HEAD)).await;
    assert_eq!(head.status(), get.status());
    assert_eq!(headers(&head), headers(&get));
    assert!(head.body().is_end_stream());
    assert_eq!(head.collect().await.unwrap().to_bytes(), "");
}

#[tokio::test(start_paused = true)]
async fn grpc_is_rejected_as_unavailable() {
    for (node, reason, why) in followers().await {
        let response = send(&node.handle, grpc("application/grpc")).await;
        let message = format!("this node does not lead: {why}; the request was not executed");
        let pushback = match reason {
            Reason::NotLeader => "100",
            _ => "1000",
        };
        assert_eq!(response.status(), StatusCode::OK);
        let expected = BTreeMap::from([
            ("content-type", "application/grpc"),
            ("grpc-status", "14"),
            ("grpc-message", &message),
            ("grpc-retry-pushback-ms", pushback),
            ("noleader-reason", reason.as_str()),
        ]);
        assert_eq!(headers(&response), expected);
        // "Trailers-only": the headers end the stream.
        assert!(response.body().is_end_stream());
    }
}

#[tokio::test(start_paused = true)]
async fn grpc_is_recognized_by_its_content_type() {
    let node = Node::follower().await;
    for content_type in [
        "application/grpc",
        "application/grpc+proto",
        "application/grpc;charset=utf-8",
        "Application/gRPC+json",
    ] {
        let response = send(&node.handle, grpc(content_type)).await;
        assert_eq!(response.status(), 200, "{content_type}");
    }
    for content_type in [
        "application/json",
        "application/grpc-website",
        "application/grpcx",
        "",
    ] {
        let response = send(&node.handle, grpc(content_type)).await;
        assert_eq!(response.status(), 503, "{content_type}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejection_does_not_name_the_leader() {
    let other = Node::leader().await;
    let node = Node::join("x", &other.store, &other.clock, |builder| builder).await;
    settle().await;
    assert_eq!(node.handle.leader().unwrap().id(), "a");
    for request in [http(Method::POST), grpc("application/grpc")] {
        let response = send(&node.handle, request).await;
        assert!(headers(&response).values().all(|value| *value != "a"));
        assert!(!response.headers().contains_key("location"));
    }
}
