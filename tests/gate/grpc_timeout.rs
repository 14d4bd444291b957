//! The deadline of a gRPC client, while its request is held.

use std::{
    convert::Infallible,
    future::{Future, ready},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::body::Body;
use http::{Request, Response};
use noleader::{
    LeaderOnlyLayer,
    middleware::{FollowerAction, ResponseBody},
};
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};

use crate::node::{LEASE, Node};

const WAIT: Duration = Duration::from_secs(60);
const GRPC: &str = "application/grpc";

fn request(content_type: &str, timeout: &str) -> Request<Body> {
    Request::post("/orders.Orders/Create")
        .header("content-type", content_type)
        .header("grpc-timeout", timeout)
        .body(Body::empty())
        .unwrap()
}

/// What the service received as `grpc-timeout`.
type Received = Arc<Mutex<Vec<String>>>;

fn send<A: FollowerAction<Body>>(
    layer: LeaderOnlyLayer<A>,
    request: Request<Body>,
    received: &Received,
) -> task::Spawn<impl Future<Output = Result<Response<ResponseBody<Body>>, Infallible>>> {
    let received = received.clone();
    let service = service_fn(move |request: Request<Body>| {
        let timeout = request.headers()["grpc-timeout"].to_str().unwrap();
        received.lock().unwrap().push(timeout.to_owned());
        ready(Ok::<_, Infallible>(Response::new(Body::empty())))
    });
    task::spawn(layer.wait_up_to(WAIT).layer(service).oneshot(request))
}

#[tokio::test(start_paused = true)]
async fn a_hold_ends_at_the_clients_deadline() {
    let node = Node::follower().await;
    let received = Received::default();
    let layer = LeaderOnlyLayer::new(node.handle.clone());
    let mut response = send(layer, request(GRPC, "2S"), &received);
    assert_pending!(response.poll());
    node.advance(Duration::from_millis(1999)).await;
    assert_pending!(response.poll());
    node.advance(Duration::from_millis(1)).await;
    assert!(response.is_woken());
    let response = assert_ready_ok!(response.poll());
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers().len(), 4);
    assert_eq!(response.headers()["content-type"], GRPC);
    assert_eq!(response.headers()["grpc-status"], "4");
    assert_eq!(response.headers()["noleader-reason"], "no_leader");
    assert_eq!(
        response.headers()["grpc-message"],
        "this node does not lead: no node leads at the moment; the client's deadline has passed; \
         the request was not executed"
    );
}

#[tokio::test(start_paused = true)]
async fn other_timeouts_do_not_end_a_hold() {
    for (content_type, timeout) in [(GRPC, "2s"), (GRPC, "61S"), ("application/json", "2S")] {
        let node = Node::follower().await;
        let received = Received::default();
        let layer = LeaderOnlyLayer::new(node.handle.clone());
        let mut response = send(layer, request(content_type, timeout), &received);
        assert_pending!(response.poll());
        node.advance(Duration::from_secs(2)).await;
        assert_pending!(response.poll(), "{content_type} {timeout}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_held_request_carries_the_rest_of_its_timeout() {
    for (content_type, timeout, left) in [
        (GRPC, "60S", "45000000u"),
        ("application/grpc-web", "1M", "45000000u"),
        (GRPC, "60s", "60s"),
        ("application/json", "60S", "60S"),
    ] {
        let node = Node::follower().await;
        let received = Received::default();
        let layer = LeaderOnlyLayer::new(node.handle.clone());
        let mut response = send(layer, request(content_type, timeout), &received);
        assert_pending!(response.poll());
        node.advance(LEASE).await;
        assert!(node.handle.is_leader());
        assert_ready_ok!(response.poll());
        assert_eq!(*received.lock().unwrap(), [left]);
    }
}

/// A leader that refuses the request, and the timeouts that it has received.
fn refusing(
    received: &Received,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = BoxError, Future: Send>
+ Clone
+ Send
+ 'static {
    let received = received.clone();
    service_fn(move |request: Request<Body>| {
        let text = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
        received.lock().unwrap().push(text("grpc-timeout"));
        let mark = text("noleader-forwarded");
        let id = mark.split(' ').nth(2).unwrap();
        let response = Response::builder().header("noleader-refused", id);
        ready(Ok(response.body(Body::empty()).unwrap()))
    })
}

#[tokio::test(start_paused = true)]
async fn each_attempt_carries_the_rest_of_the_timeout() {
    let node = Node::follower_of(Some("http://x.example")).await;
    let (received, executed) = (Received::default(), Received::default());
    let layer = LeaderOnlyLayer::new(node.handle.clone()).forward(refusing(&received));
    let mut response = send(layer, request(GRPC, "12m"), &executed);
    // The pauses take 5 and 10 ms.
    for _ in 0..3 {
        assert_pending!(response.poll());
        assert!(
            received.lock().unwrap().len() < 3,
            "sent after the deadline"
        );
        node.advance(Duration::from_millis(5)).await;
    }
    let response = assert_ready_ok!(response.poll());
    assert_eq!(response.headers()["grpc-status"], "4");
    assert_eq!(response.headers()["noleader-reason"], "not_leader");
    assert_eq!(*received.lock().unwrap(), ["12000000n", "7000000n"]);
    assert!(executed.lock().unwrap().is_empty());
}

/// Its leader is known, so that nothing but the deadline keeps it from being sent.
#[tokio::test(start_paused = true)]
async fn a_late_request_is_not_sent() {
    let node = Node::follower_of(Some("http://x.example")).await;
    let received = Received::default();
    let layer = LeaderOnlyLayer::new(node.handle.clone()).forward(refusing(&received));
    let response = assert_ready_ok!(send(layer, request(GRPC, "0n"), &received).poll());
    assert_eq!(response.headers()["grpc-status"], "4");
    assert_eq!(response.headers()["noleader-reason"], "not_leader");
    assert!(received.lock().unwrap().is_empty());
}
