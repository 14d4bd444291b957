//! Requests that are held during an election.

use std::time::Duration;

use axum::{Router, response::IntoResponse, routing::post};
use http::{Request, Response};
use noleader::{Builder, LeaderOnlyLayer, NotLeader, Reason, Status, Term};
use tokio::time::timeout;
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};
use tower_test::mock::{self, Handle, Spawn};

use crate::{
    calls::Strict,
    node::{LEASE, Node, released, settle, soon},
};

type Body = http_body_util::Full<bytes::Bytes>;
type Outcome = Result<Response<noleader::middleware::ResponseBody<Body>>, BoxError>;

const WAIT: Duration = Duration::from_secs(2);
const ADDRESS: &str = "http://b.example";

/// One request to a node, which is held and then redirected or rejected.
struct Held<F> {
    response: task::Spawn<F>,
    inner: Handle<Request<Body>, Response<Body>>,
}

fn hold(node: &Node) -> Held<impl Future<Output = Outcome> + use<>> {
    let held = send(node);
    let Held {
        mut response,
        mut inner,
    } = held;
    assert_pending!(response.poll());
    assert_pending!(inner.poll_request());
    Held { response, inner }
}

fn send(node: &Node) -> Held<impl Future<Output = Outcome> + use<>> {
    let layer = LeaderOnlyLayer::new(node.handle.clone())
        .redirect()
        .wait_up_to(WAIT);
    let (mut service, inner): (Spawn<_>, _) = mock::spawn_layer(layer);
    assert_ready_ok!(service.poll_ready());
    let response = task::spawn(service.call(Request::default()));
    Held { response, inner }
}

impl<F: Future<Output = Outcome>> Held<F> {
    /// Checks that the request is admitted without any time passing.
    #[track_caller]
    fn is_called(&mut self) {
        assert!(self.response.is_woken());
        assert_pending!(self.response.poll());
        let (request, answer) = assert_ready!(self.inner.poll_request()).unwrap();
        assert!(request.extensions().get::<Term>().unwrap().is_current());
        answer.send_response(Response::default());
        let response = assert_ready_ok!(self.response.poll());
        assert_eq!(response.status(), 200);
    }

    #[track_caller]
    fn is_refused(&mut self, reason: &str) -> Option<String> {
        assert!(self.response.is_woken());
        let response = assert_ready_ok!(self.response.poll());
        assert_eq!(response.headers()["noleader-reason"], reason);
        assert!(!matches!(
            self.inner.poll_request(),
            std::task::Poll::Ready(Some(_))
        ));
        let location = response.headers().get("location")?;
        Some(location.to_str().unwrap().to_owned())
    }

    #[track_caller]
    fn goes_on_waiting(&mut self) {
        assert_pending!(self.response.poll());
    }
}

#[tokio::test(start_paused = true)]
async fn a_held_request_is_admitted_after_election() {
    let node = Node::follower().await;
    node.advance(LEASE - WAIT / 2).await;
    let mut held = hold(&node);
    node.advance(WAIT / 2).await;
    held.is_called();
}

#[tokio::test(start_paused = true)]
async fn a_held_request_is_redirected_after_election() {
    let node = Node::join(
        "a",
        &Default::default(),
        &Default::default(),
        Builder::observe,
    )
    .await;
    let mut held = hold(&node);
    let other = Node::join("b", &node.store, &node.clock, |builder| {
        builder.dangerous_trust_absent_key(true).address(ADDRESS)
    })
    .await;
    settle().await;
    assert!(other.handle.is_leader());
    let location = held.is_refused("not_leader");
    assert_eq!(location.as_deref(), Some("http://b.example/"));
}

#[tokio::test(start_paused = true)]
async fn a_draining_leader_redirects_to_its_successor() {
    let (node, admission, stepped_down) = Node::draining().await;
    let other = Node::join("b", &node.store, &node.clock, |b| b.address(ADDRESS)).await;
    let mut held = hold(&node);
    // The step-down does not wait for a held request, which is not admitted.
    drop(admission);
    released(stepped_down).await;
    other
        .until(|status| matches!(status, Status::Leader { .. }))
        .await;
    settle().await;
    let location = held.is_refused("not_leader");
    assert_eq!(location.as_deref(), Some("http://b.example/"));
}

#[tokio::test(start_paused = true)]
async fn a_request_is_held_during_the_warm_up() {
    let (node, warm) = Node::warming().await;
    let mut held = hold(&node);
    warm.send(Ok(())).unwrap();
    settle().await;
    held.is_called();
}

#[tokio::test(start_paused = true)]
async fn a_failed_warm_up_does_not_end_holding() {
    let (node, warm) = Node::warming().await;
    let mut held = hold(&node);
    warm.send(Err("no orders")).unwrap();
    settle().await;
    held.goes_on_waiting();
}

#[tokio::test(start_paused = true)]
async fn a_stop_rejects_held_requests() {
    let node = Node::follower().await;
    let mut held = hold(&node);
    let mut stopping = task::spawn(node.handle.shutdown());
    assert_pending!(stopping.poll());
    settle().await;
    // Another node may still be elected.
    held.goes_on_waiting();
    assert_pending!(stopping.poll());
    node.advance(LEASE).await;
    soon(stopping).await.unwrap();
    assert_eq!(held.is_refused("stopped"), None);

    let node = Node::follower().await;
    let mut held = hold(&node);
    node.panic().await;
    assert_eq!(held.is_refused("stopped"), None);
}

/// No next leader could serve them.
#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_requests_that_stay_here() {
    let node = Node::follower().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone()).wait_up_to(WAIT);
    let rejecting = layer.clone().layer(Strict::default());
    let mut rejected = task::spawn(rejecting.oneshot(Request::new(Body::default())));
    let inner = service_fn(async |(): ()| Ok::<_, BoxError>(()));
    let mut failed = task::spawn(layer.fail().layer(inner).oneshot(()));
    assert_pending!(rejected.poll());
    assert_pending!(failed.poll());
    soon(node.handle.shutdown()).await.unwrap();
    assert_eq!(assert_ready_ok!(rejected.poll()).status(), 503);
    assert!(assert_ready!(failed.poll()).is_err());
}

#[tokio::test(start_paused = true)]
async fn requests_are_held_for_at_most_the_limit() {
    let node = Node::follower().await;
    let mut held = hold(&node);
    let tick = Duration::from_nanos(1);
    node.advance(WAIT - tick).await;
    held.goes_on_waiting();
    node.advance(tick).await;
    assert_eq!(held.is_refused("no_leader"), None);
}

#[tokio::test(start_paused = true)]
async fn an_open_gate_wins_over_the_limit() {
    let node = Node::follower().await;
    let mut held = hold(&node);
    node.advance(LEASE).await;
    node.advance(WAIT * 2).await;
    held.is_called();
}

#[tokio::test(start_paused = true)]
async fn requests_are_held_only_during_an_election() {
    let leader = Node::leader().await;
    let follower = leader.rival().await;
    settle().await;
    for (node, status) in [(leader, 200), (follower, 503), (Node::stopped().await, 503)] {
        let layer = LeaderOnlyLayer::new(node.handle.clone()).wait_up_to(Duration::MAX);
        let response = layer
            .layer(Strict::default())
            .oneshot(Request::new(Body::default()));
        assert_eq!(soon(response).await.unwrap().status(), status);
    }
}

#[tokio::test(start_paused = true)]
async fn zero_and_maximum_durations_work() {
    let node = Node::follower().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone());
    let none = layer.clone().wait_up_to(Duration::ZERO);
    let response = none
        .layer(Strict::default())
        .oneshot(Request::new(Body::default()));
    assert_eq!(response.await.unwrap().status(), 503);

    let ever = layer.wait_up_to(Duration::MAX);
    let mut response = task::spawn(
        ever.layer(Strict::default())
            .oneshot(Request::new(Body::default())),
    );
    assert_pending!(response.poll());
    node.advance(LEASE).await;
    assert_eq!(assert_ready_ok!(response.poll()).status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_held_request_is_not_executed() {
    let node = Node::follower().await;
    let Held {
        response,
        mut inner,
    } = hold(&node);
    drop(response);
    node.advance(LEASE).await;
    assert!(!matches!(
        inner.poll_request(),
        std::task::Poll::Ready(Some(_))
    ));
    released(node.step_down().await).await;
}

#[tokio::test(start_paused = true)]
async fn step_down_waits_for_requests_once_held() {
    let node = Node::follower().await;
    let mut held = hold(&node);
    node.advance(LEASE).await;
    assert_pending!(held.response.poll());
    let (_request, answer) = assert_ready!(held.inner.poll_request()).unwrap();
    let stepped_down = node.step_down().await;
    assert!(!stepped_down.is_finished());
    answer.send_response(Response::default());
    drop(soon(held.response).await.unwrap());
    released(stepped_down).await;
}

#[tokio::test(start_paused = true)]
async fn the_ready_service_is_the_one_called() {
    let node = Node::follower().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone()).wait_up_to(WAIT);
    let mut service = layer.layer(Strict::default());
    let ready = ServiceExt::<Request<Body>>::ready(&mut service)
        .await
        .unwrap();
    let held = ready.call(Request::new(Body::default()));
    // The held request owns the ready service; `service` now contains a clone.
    let called =
        std::panic::AssertUnwindSafe(|| service.get_mut().call(Request::new(Body::default())));
    assert!(std::panic::catch_unwind(called).is_err());
    node.advance(LEASE).await;
    assert_eq!(soon(held).await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_admits_requests_held_by_min_remaining() {
    let node = Node::leader().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone())
        .min_remaining(LEASE / 3)
        .wait_up_to(WAIT)
        .fail();
    let (mut service, mut inner) = mock::spawn_layer::<u32, u32, _>(layer);
    node.store.memory.set_outage(true);
    node.advance(LEASE * 3 / 4).await;
    assert!(node.handle.is_leader());
    assert_ready_ok!(service.poll_ready::<u32>());
    let mut response = task::spawn(service.call(1));
    assert_pending!(response.poll());
    assert_pending!(inner.poll_request());

    node.store.memory.set_outage(false);
    node.advance(LEASE / 10).await;
    assert!(response.is_woken());
    assert_pending!(response.poll());
    assert_eq!(assert_ready!(inner.poll_request()).unwrap().0, 1);
}

#[tokio::test(start_paused = true)]
async fn settings_can_be_given_in_any_order() {
    let node = Node::follower_of(Some(ADDRESS)).await;
    let layer = || LeaderOnlyLayer::new(node.handle.clone());
    let request = || Request::new(Body::default());
    let before = layer().wait_up_to(WAIT).redirect().layer(Strict::default());
    assert_eq!(before.oneshot(request()).await.unwrap().status(), 307);
    let after = layer().redirect().writes_only().wait_up_to(WAIT);
    let get = after.layer(Strict::default()).oneshot(request());
    assert_eq!(get.await.unwrap().status(), 200);

    let named = layer().wait_up_to(WAIT).reveal_leader(true);
    let response = named.layer(Strict::default()).oneshot(request());
    assert_eq!(response.await.unwrap().headers()["noleader-leader"], "x");

    let failing = layer().wait_up_to(WAIT).fail();
    let (service, _inner) = mock::pair::<(), ()>();
    let error = failing.layer(service).oneshot(()).await.unwrap_err();
    let not_leader: &NotLeader = error.downcast_ref().unwrap();
    assert_eq!(not_leader.reason(), Reason::NotLeader);
}

#[tokio::test(start_paused = true)]
async fn wait_up_to_works_with_a_router() {
    let node = Node::follower().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone())
        .reject_with(|not_leader, _: Request<axum::body::Body>| {
            not_leader.to_string().into_response()
        })
        .wait_up_to(LEASE * 2)
        .writes_only();
    let app = Router::new()
        .route("/orders", post(|| async { "created" }))
        .layer(layer);
    let request = Request::post("/orders").body(axum::body::Body::from("an order"));
    let response = tokio::spawn(app.oneshot(request.unwrap()));
    settle().await;
    assert!(!response.is_finished());
    node.advance(LEASE).await;
    let response = timeout(WAIT, response).await.unwrap().unwrap().unwrap();
    assert_eq!(response.headers()["content-length"], "7");
}

#[test]
fn futures_are_send() {
    fn check<T: Send + std::fmt::Debug>(_: T) {}
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let node = runtime.block_on(Node::follower());
    let layer = LeaderOnlyLayer::new(node.handle.clone()).wait_up_to(WAIT);
    check(layer.clone());
    check(
        layer
            .layer(Strict {
                ready: true,
                ..Strict::default()
            })
            .call(Request::new(Body::default())),
    );
}
