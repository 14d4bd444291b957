//! A request that the leader refused is held, and sent again or executed here.

use std::{
    future::{Future, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use axum::body::Body;
use http::{Request, Response};
use noleader::{LeaderOnlyLayer, Term, middleware::ResponseBody};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};
use tower::{BoxError, Service, service_fn};
use tower_test::mock::{self, Handle};

use crate::node::{LEASE, Node, released, settle};

const LEADER: &str = "http://leader.example";
const LONG: Duration = Duration::from_secs(600);
/// More than the longest pause between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

/// A client whose server refuses every request, and the number of its calls.
fn refusing() -> (
    impl Service<Request<Body>, Response = Response<Body>, Error = BoxError, Future: Send>
    + Clone
    + Send
    + 'static,
    Arc<AtomicUsize>,
) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let client = service_fn(move |request: Request<Body>| {
        counted.fetch_add(1, Ordering::SeqCst);
        let mark = request.headers()["noleader-forwarded"].to_str().unwrap();
        let id = mark.split(' ').nth(2).unwrap();
        let response = Response::builder()
            .status(503)
            .header("noleader-refused", id)
            .body(Body::from("refused"));
        ready(Ok(response.unwrap()))
    });
    (client, calls)
}

type Outcome = Result<Response<ResponseBody<Body>>, BoxError>;

/// A request on a follower whose leader refuses it.
struct Sent<F> {
    response: task::Spawn<F>,
    inner: Handle<Request<Body>, Response<Body>>,
    calls: Arc<AtomicUsize>,
}

fn send(node: &Node, wait: Duration) -> Sent<impl Future<Output = Outcome> + use<>> {
    let (client, calls) = refusing();
    let layer = LeaderOnlyLayer::new(node.handle.clone())
        .forward(client)
        .wait_up_to(wait);
    let (mut service, inner) = mock::spawn_layer::<_, Response<Body>, _>(layer);
    assert_ready_ok!(service.poll_ready());
    let request = Request::post("/orders").body(Body::from("an order"));
    let response = task::spawn(service.call(request.unwrap()));
    Sent {
        response,
        inner,
        calls,
    }
}

impl<F: Future<Output = Outcome>> Sent<F> {
    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_is_sent_again_until_the_time_is_over() {
    let node = Node::follower_of(Some(LEADER)).await;
    let mut sent = send(&node, PAUSE);
    assert_pending!(sent.response.poll());
    assert_eq!(sent.calls(), 1);
    node.advance(Duration::from_millis(5)).await;
    assert_pending!(sent.response.poll());
    assert_eq!(sent.calls(), 2);
    node.advance(PAUSE).await;
    let response = assert_ready!(sent.response.poll()).unwrap();
    assert_eq!(response.status(), 503);
    assert!(!response.headers().contains_key("noleader-refused"));
    let executed = sent.inner.poll_request();
    assert!(!matches!(executed, Poll::Ready(Some(_))));
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_is_executed_here_if_this_node_leads_by_then() {
    let node = Node::follower_of(Some(LEADER)).await;
    let mut sent = send(&node, LONG);
    assert_pending!(sent.response.poll());
    node.advance(LEASE).await;
    node.handle.elected().await.unwrap();
    assert!(sent.response.is_woken());
    assert_pending!(sent.response.poll());
    let (request, answer) = assert_ready!(sent.inner.poll_request()).unwrap();
    assert!(request.extensions().get::<Term>().unwrap().is_current());
    let body = axum::body::to_bytes(request.into_body(), 100).await;
    assert_eq!(body.unwrap(), "an order");
    answer.send_response(Response::default());
    settle().await;
    assert_eq!(assert_ready_ok!(sent.response.poll()).status(), 200);
}

/// The service may not be ready at once, and the term may end meanwhile.
#[tokio::test(start_paused = true)]
async fn a_request_is_admitted_only_once_the_service_is_ready() {
    let node = Node::follower_of(Some(LEADER)).await;
    let mut sent = send(&node, LONG);
    assert_pending!(sent.response.poll());
    sent.inner.allow(0);
    node.advance(LEASE).await;
    node.handle.elected().await.unwrap();
    assert_pending!(sent.response.poll());
    assert_eq!(node.handle.draining(), 0);

    node.store.memory.set_outage(true);
    node.clock.advance_silently(LEASE);
    assert!(!node.handle.is_leader());
    sent.inner.allow(1);
    assert!(sent.response.is_woken());
    assert_pending!(sent.response.poll());
    assert_pending!(sent.inner.poll_request());
    node.advance(LONG).await;
    let response = assert_ready!(sent.response.poll()).unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["noleader-reason"], "no_leader");
}

#[tokio::test(start_paused = true)]
async fn the_time_includes_a_service_that_is_not_ready() {
    let node = Node::follower_of(Some(LEADER)).await;
    let mut sent = send(&node, 2 * LEASE);
    assert_pending!(sent.response.poll());
    sent.inner.allow(0);
    node.advance(LEASE).await;
    node.handle.elected().await.unwrap();
    assert_pending!(sent.response.poll());
    node.advance(LEASE).await;
    let response = match sent.response.poll() {
        Poll::Ready(response) => response.unwrap(),
        Poll::Pending => panic!("held for too long"),
    };
    assert_eq!(response.status(), 503);
}

/// The status of a node that has left the election changes no more, which ends no pause.
#[tokio::test(start_paused = true)]
async fn a_stopped_node_pauses_between_attempts() {
    let node = Node::follower_of(Some(LEADER)).await;
    let mut sent = send(&node, LONG);
    assert_pending!(sent.response.poll());
    let handle = node.handle.clone();
    let stopped = tokio::spawn(async move { handle.shutdown().await });
    settle().await;
    node.advance(LEASE).await;
    released(stopped).await;
    assert_pending!(sent.response.poll());
    let calls = sent.calls();
    assert_pending!(sent.response.poll());
    assert_eq!(sent.calls(), calls, "sent again without a pause");
    node.advance(PAUSE).await;
    assert_pending!(sent.response.poll());
    assert_eq!(sent.calls(), calls + 1);
}
