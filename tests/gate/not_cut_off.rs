//! Requests that `cancel_on_loss` does not end.

use std::convert::Infallible;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use noleader::{LeaderOnlyLayer, Term};
use tower::{Layer, ServiceExt, service_fn};

use crate::node::Node;

fn request() -> Request<Body> {
    Request::post("/orders").body(Body::empty()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn cancelling_a_handlers_token_ends_no_other_request() {
    let node = Node::leader().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone()).cancel_on_loss();
    let service = layer.layer(service_fn(|request: Request<Body>| async move {
        let term = request.extensions().get::<Term>().unwrap();
        drop(term.cancellation().drop_guard());
        Ok::<_, Infallible>(Response::new(Body::empty()))
    }));
    for _ in 0..2 {
        let response = service.clone().oneshot(request()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_with_sent_trailers_is_complete() {
    for content_type in ["application/grpc", "text/plain"] {
        let node = Node::leader().await;
        let layer = LeaderOnlyLayer::new(node.handle.clone()).cancel_on_loss();
        let service = layer.layer(service_fn(move |_: Request<Body>| async move {
            let trailers =
                HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
            let frames = [Frame::data(Bytes::from("all")), Frame::trailers(trailers)];
            let body = StreamBody::new(stream::iter(frames.map(Ok::<_, Infallible>)));
            let response = Response::builder().header("content-type", content_type);
            Ok::<_, Infallible>(response.body(body).unwrap())
        }));
        let mut body = service.oneshot(request()).await.unwrap().into_body();
        assert!(body.frame().await.unwrap().unwrap().is_data());
        assert!(body.frame().await.unwrap().unwrap().is_trailers());
        node.lose().await;
        assert!(body.frame().await.is_none(), "a frame after the trailers");
    }
}
