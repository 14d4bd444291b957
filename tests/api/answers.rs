//! A handler may return `NotLeader`: the client gets what the layer answers.

use axum::{Router, body::Body, routing::post};
use http::{HeaderMap, Request};
use noleader::{LeaderOnlyLayer, NotLeader};
use tower::ServiceExt;

use crate::node::Node;

/// What only the layer can promise.
const NOT_EXECUTED: &str = "; the request was not executed";

async fn answer(app: Router, content_type: &str) -> (u16, HeaderMap, String) {
    let request = Request::post("/").header("content-type", content_type);
    let response = app.oneshot(request.body(Body::empty()).unwrap()).await;
    let (parts, body) = response.unwrap().into_parts();
    let body = axum::body::to_bytes(body, 1024).await.unwrap();
    let text = String::from_utf8(body.into()).unwrap();
    (parts.status.as_u16(), parts.headers, text)
}

async fn nodes() -> [Node; 4] {
    [
        Node::follower().await,
        Node::follower_of(Some("http://h:1")).await,
        Node::warming().await.0,
        Node::stopped().await,
    ]
}

#[tokio::test(start_paused = true)]
async fn axum_turns_it_into_the_response_of_the_layer() {
    for node in nodes().await {
        let handle = node.handle.clone();
        let handler = post(async move || -> Result<(), NotLeader> {
            let _admission = handle.admit()?;
            Ok(())
        });
        let by_handler = answer(Router::new().route("/", handler), "text/plain").await;
        let layer = LeaderOnlyLayer::new(node.handle.clone());
        let by_layer = Router::new().route("/", post(|| async {})).layer(layer);
        let (status, mut headers, text) = answer(by_layer, "text/plain").await;
        // The handler may have executed a part, so its response promises less.
        let less = text.replace(NOT_EXECUTED, "");
        headers.insert("content-length", less.len().into());
        assert_ne!(text, less);
        assert_eq!(by_handler, (status, headers, less));
        assert_eq!(by_handler.0, 503);
    }
}

#[tokio::test(start_paused = true)]
async fn tonic_turns_it_into_the_status_of_the_layer() {
    for node in nodes().await {
        let not_leader = node.handle.admit().unwrap_err();
        let text = not_leader.to_string();
        let status = tonic::Status::from(not_leader);
        assert_eq!(status.code(), tonic::Code::Unavailable);
        assert_eq!(status.message(), text);
        assert_eq!(status.message(), text);

        let layer = LeaderOnlyLayer::new(node.handle.clone());
        let by_layer = Router::new().route("/", post(|| async {})).layer(layer);
        let (_, headers, _) = answer(by_layer, "application/grpc").await;
        let of_layer = tonic::Status::from_header_map(&headers).unwrap();
        assert_eq!(of_layer.message(), format!("{text}{NOT_EXECUTED}"));
        for name in ["noleader-reason", "grpc-retry-pushback-ms"] {
            assert_eq!(status.metadata().as_ref()[name], headers[name]);
        }
    }
}
