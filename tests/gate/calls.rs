//! `call` checks the gate, and what it passes through.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use http::{Request, Response};
use noleader::{LeaderOnlyLayer, NotLeader, Reason, Status, Term};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};
use tower::{
    BoxError, Layer, Service, ServiceBuilder, ServiceExt, limit::ConcurrencyLimit, service_fn,
};
use tower_test::mock;

use crate::node::{LEASE, Node, released, settle, soon};

type Body = http_body_util::Full<bytes::Bytes>;

fn post() -> Request<Body> {
    Request::post("/orders").body(Body::default()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_admitted_request_carries_the_term() {
    let node = Node::leader().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone());
    let (mut service, mut inner) = mock::spawn_layer::<_, Response<Body>, _>(layer);
    assert_ready_ok!(service.poll_ready());
    let response = service.call(post());
    let (request, answer) = inner.next_request().await.unwrap();
    assert_eq!(request.extensions().get(), node.handle.term().as_ref());
    assert!(request.extensions().get::<Term>().unwrap().is_current());
    answer.send_response(
        Response::builder()
            .status(201)
            .body(Body::default())
            .unwrap(),
    );
    let response = response.await.unwrap();
    assert_eq!(response.status(), 201);
    assert!(response.headers().is_empty());
}

#[tokio::test(start_paused = true)]
async fn call_rejects_if_the_gate_closed_meanwhile() {
    let node = Node::leader().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone());
    let (mut plain, mut inner) = mock::spawn_layer::<_, Response<Body>, _>(layer.clone());
    let (mut waiting, mut inner_of_waiting) =
        mock::spawn_layer::<_, Response<Body>, _>(layer.not_ready());
    assert_ready_ok!(plain.poll_ready());
    assert_ready_ok!(waiting.poll_ready());
    released(node.step_down().await).await;
    assert_eq!(soon(plain.call(post())).await.unwrap().status(), 503);
    assert_eq!(soon(waiting.call(post())).await.unwrap().status(), 503);
    assert_pending!(inner.poll_request());
    assert_pending!(inner_of_waiting.poll_request());
}

#[tokio::test(start_paused = true)]
async fn call_admits_if_the_gate_opened_meanwhile() {
    let node = Node::follower().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone());
    let (mut service, mut inner) = mock::spawn_layer::<_, Response<Body>, _>(layer);
    assert_ready_ok!(service.poll_ready());
    node.advance(LEASE).await;
    let _response = service.call(post());
    assert_ready!(inner.poll_request()).unwrap();
}

/// client-go, kubernetes#124588: the flag stays true after the lease has expired.
#[tokio::test(start_paused = true)]
async fn a_stale_flag_does_not_admit() {
    let node = Node::leader().await;
    let (flag, status) = (node.handle.subscribe(), node.handle.watch());
    let layer = LeaderOnlyLayer::new(node.handle.clone());
    let (mut service, mut inner) = mock::spawn_layer::<_, Response<Body>, _>(layer);
    assert_ready_ok!(service.poll_ready());
    node.clock.advance_silently(LEASE);
    // No await between the end of the lease and the call, so that the task cannot update the flag.
    let mut response = task::spawn(service.call(post()));
    assert!(*flag.borrow() && matches!(*status.borrow(), Status::Leader { .. }));
    let response = assert_ready!(response.poll()).unwrap();
    assert_eq!(response.headers()["noleader-reason"], "no_leader");
    assert_pending!(inner.poll_request());
}

#[tokio::test(start_paused = true)]
async fn fail_returns_not_leader_as_the_error() {
    let node = Node::follower().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone()).fail();
    let (mut service, mut inner) = mock::spawn_layer::<u32, u32, _>(layer);
    assert_ready_ok!(service.poll_ready::<u32>());
    let error = soon(service.call(1)).await.unwrap_err();
    let not_leader: &NotLeader = error.downcast_ref().unwrap();
    assert_eq!(not_leader.reason(), Reason::NoLeader);
    assert_pending!(inner.poll_request());

    node.advance(LEASE).await;
    assert_ready_ok!(service.poll_ready::<u32>());
    let response = service.call(1);
    inner.next_request().await.unwrap().1.send_response(2);
    assert_eq!(response.await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_inner_service_are_returned() {
    let node = Node::leader().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone());
    let (mut service, mut inner) = mock::spawn_layer::<_, Response<Body>, _>(layer);
    assert_ready_ok!(service.poll_ready());
    let response = service.call(post());
    inner.next_request().await.unwrap().1.send_error("broken");
    assert_eq!(response.await.unwrap_err().to_string(), "broken");
    inner.send_error("worn out");
    let error = assert_ready!(service.poll_ready()).unwrap_err();
    assert_eq!(error.to_string(), "worn out");
}

#[tokio::test(start_paused = true)]
async fn an_admitted_request_continues_after_its_term() {
    let node = Node::leader().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone());
    let (mut service, mut inner) = mock::spawn_layer::<_, Response<Body>, _>(layer);
    assert_ready_ok!(service.poll_ready());
    let response = service.call(post());
    let (request, answer) = inner.next_request().await.unwrap();
    node.store.memory.set_outage(true);
    node.advance(LEASE).await;
    assert!(!request.extensions().get::<Term>().unwrap().is_current());
    answer.send_response(Response::new(Body::default()));
    assert_eq!(response.await.unwrap().status(), 200);
}

/// Counts calls of `poll_ready`, and panics if it is called without being ready.
#[derive(Debug, Default)]
pub(crate) struct Strict {
    pub(crate) asked: Arc<AtomicUsize>,
    pub(crate) ready: bool,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self {
            asked: self.asked.clone(),
            ready: false,
        }
    }
}

impl<T> Service<T> for Strict {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: T) -> Self::Future {
        assert!(
            std::mem::take(&mut self.ready),
            "called without being ready"
        );
        ready(Ok(Response::default()))
    }
}

/// linkerd2-proxy#2491: the readiness of the inner service was cached.
#[tokio::test(start_paused = true)]
async fn readiness_of_the_inner_service_is_not_cached() {
    let node = Node::leader().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone()).not_ready();
    let inner = Strict::default();
    let asked = inner.asked.clone();
    let mut service = mock::Spawn::new(layer.layer(inner));
    for times in 1..=3 {
        assert_ready_ok!(service.poll_ready::<Request<Body>>());
        assert_eq!(asked.load(Ordering::SeqCst), times);
    }
    released(node.step_down().await).await;
    assert_pending!(service.poll_ready::<Request<Body>>());
    node.advance(LEASE).await;
    node.until(|status| matches!(status, Status::Leader { .. }))
        .await;
    assert_ready_ok!(service.poll_ready::<Request<Body>>());
    assert_eq!(asked.load(Ordering::SeqCst), 4);
}

#[tokio::test(start_paused = true)]
async fn a_clone_has_to_become_ready_itself() {
    let node = Node::leader().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone());
    let mut service = layer.layer(Strict::default());
    let ready = ServiceExt::<Request<Body>>::ready(&mut service)
        .await
        .unwrap();
    let mut clone = ready.clone();
    ready.call(post()).await.unwrap();

    let called = std::panic::AssertUnwindSafe(|| clone.call(post()));
    assert!(
        std::panic::catch_unwind(called).is_err(),
        "the clone was ready"
    );
    assert_eq!(clone.oneshot(post()).await.unwrap().status(), 200);
}

#[tokio::test(start_paused = true)]
async fn two_services_share_one_gate() {
    let node = Node::leader().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone());
    let service = layer.clone().layer(layer.layer(Strict::default()));
    assert_eq!(service.clone().oneshot(post()).await.unwrap().status(), 200);
    released(node.step_down().await).await;
    settle().await;
    assert_eq!(service.oneshot(post()).await.unwrap().status(), 503);
}

#[test]
fn layers_and_services_are_send_and_sync() {
    fn check<T: Send>() {}
    fn check_clone<T: Clone + std::fmt::Debug + Send + Sync + 'static>() {}
    use noleader::{
        LeaderOnly,
        middleware::{EveryRequest, Fail, FailLayer, NotReady, Reject, ResponseFuture, WritesOnly},
    };
    check_clone::<LeaderOnlyLayer<Reject, EveryRequest>>();
    check_clone::<FailLayer<NotReady>>();
    check_clone::<LeaderOnly<Strict, Reject, NotReady>>();
    check_clone::<Fail<Strict, WritesOnly>>();
    check::<ResponseFuture<Ready<Result<Response<Body>, BoxError>>, Body, BoxError>>();
}

/// A service that runs one request at a time, and is ready for one.
fn limited() -> ConcurrencyLimit<Strict> {
    ConcurrencyLimit::new(Strict::default(), 1)
}

#[track_caller]
fn is_ready<S, T>(mut service: S)
where
    S: Service<T>,
{
    let ready = task::spawn(()).enter(|cx, _| service.poll_ready(cx));
    assert!(ready.is_ready(), "the permit was not given back");
}

/// tower-resilience#293: a clone that refused a request kept its permit.
#[tokio::test(start_paused = true)]
async fn a_refused_request_keeps_no_permit() {
    let node = Node::leader().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone());
    let mut plain = layer.clone().layer(limited());
    let mut failing = layer.fail().layer(
        ServiceBuilder::new()
            .map_err(BoxError::from)
            .service(limited()),
    );
    ServiceExt::<Request<Body>>::ready(&mut plain)
        .await
        .unwrap();
    ServiceExt::<Request<Body>>::ready(&mut failing)
        .await
        .unwrap();
    released(node.step_down().await).await;
    assert_eq!(soon(plain.call(post())).await.unwrap().status(), 503);
    is_ready::<_, Request<Body>>(plain.clone());
    soon(failing.call(post())).await.unwrap_err();
    is_ready::<_, Request<Body>>(failing.clone());
}

#[tokio::test(start_paused = true)]
async fn a_forwarded_request_keeps_no_permit() {
    let node = Node::follower_of(Some("http://leader.example")).await;
    let client = service_fn(|_: Request<axum::body::Body>| {
        std::future::pending::<Result<Response<axum::body::Body>, BoxError>>()
    });
    for layer in [
        LeaderOnlyLayer::new(node.handle.clone()).forward(client),
        LeaderOnlyLayer::new(node.handle.clone())
            .forward(client)
            .wait_up_to(LEASE),
    ] {
        let mut service = layer.layer(limited());
        let request = || {
            Request::post("/orders")
                .body(axum::body::Body::empty())
                .unwrap()
        };
        ServiceExt::<Request<axum::body::Body>>::ready(&mut service)
            .await
            .unwrap();
        let mut forwarded = task::spawn(service.call(request()));
        assert_pending!(forwarded.poll());
        is_ready::<_, Request<axum::body::Body>>(service.clone());
    }
}
