//! Rejections by a closure.

use axum::{Router, body::Body, response::IntoResponse, routing::post};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use noleader::{LeaderOnlyLayer, NotLeader, Reason, Term};
use tokio_test::{assert_pending, assert_ready_ok};
use tower::ServiceExt;
use tower_test::mock;

use crate::node::{Node, released, settle, soon};

/// Returns the request's body, with the reason in a header.
fn give_back(not_leader: NotLeader, request: Request<Full<Bytes>>) -> Response<Full<Bytes>> {
    let leader = not_leader.leader().map_or("none", |leader| leader.id());
    Response::builder()
        .status(421)
        .header("x-path", request.uri().path())
        .header("x-leader", leader)
        .header("x-reason", not_leader.reason().as_str())
        .body(request.into_body())
        .unwrap()
}

fn request() -> Request<Full<Bytes>> {
    Request::post("/orders").body("an order".into()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_closure_receives_the_request_and_the_reason() {
    let leader = Node::leader().await;
    let follower = leader.rival().await;
    settle().await;
    for (node, name, reason) in [
        (follower, "a", Reason::NotLeader),
        (Node::stopped().await, "none", Reason::Stopped),
    ] {
        let layer = LeaderOnlyLayer::new(node.handle.clone()).reject_with(give_back);
        let (mut service, mut inner) = mock::spawn_layer::<_, Response<Full<Bytes>>, _>(layer);
        assert_ready_ok!(service.poll_ready());
        let response = soon(service.call(request())).await.unwrap();
        assert_eq!(response.status(), 421);
        assert_eq!(response.headers()["x-path"], "/orders");
        assert_eq!(response.headers()["x-leader"], name);
        assert_eq!(response.headers()["x-reason"], reason.as_str());
        assert_eq!(response.headers().len(), 3, "the layer added a header");
        let body = response.collect().await.unwrap().to_bytes();
        assert_eq!(body, "an order");
        assert_pending!(inner.poll_request());
    }
}

#[tokio::test(start_paused = true)]
async fn an_admitted_request_is_served_and_drained() {
    let node = Node::leader().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone()).reject_with(give_back);
    let (mut service, mut inner) = mock::spawn_layer::<_, Response<Full<Bytes>>, _>(layer);
    assert_ready_ok!(service.poll_ready());
    let response = service.call(request());
    let (request, answer) = inner.next_request().await.unwrap();
    assert_eq!(
        request.extensions().get::<Term>(),
        node.handle.term().as_ref()
    );
    answer.send_response(Response::new(Full::from("created")));
    let response = response.await.unwrap();
    let stepped_down = node.step_down().await;
    assert!(!stepped_down.is_finished(), "released during a response");
    assert_eq!(response.collect().await.unwrap().to_bytes(), "created");
    released(stepped_down).await;
}

#[tokio::test(start_paused = true)]
async fn reject_with_works_with_a_router() {
    let node = Node::follower().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone())
        .reject_with(|not_leader, _: Request<Body>| not_leader.to_string().into_response())
        .writes_only();
    let app = Router::new()
        .route("/orders", post(|| async { "created" }))
        .layer(layer);
    let request = Request::post("/orders").body(Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    let text = response.collect().await.unwrap().to_bytes();
    assert_eq!(text, "this node does not lead: no node leads at the moment");
}
