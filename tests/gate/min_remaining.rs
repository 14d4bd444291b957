//! Admission only while enough of the lease is left.

use std::time::Duration;

use http::{Request, Response};
use noleader::{LeaderOnlyLayer, NotLeader, Reason, Status, Term};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok};
use tower_test::mock;

use crate::{
    lines::Lines,
    node::{LEASE, Node, soon},
};

type Body = http_body_util::Full<bytes::Bytes>;

const MIN: Duration = Duration::from_secs(5);
const NANO: Duration = Duration::from_nanos(1);

#[tokio::test(start_paused = true)]
async fn min_remaining_is_exact_to_the_nanosecond() {
    let node = Node::leader().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone()).min_remaining(MIN);
    let (mut service, mut inner) = mock::spawn_layer::<Request<Body>, Response<Body>, _>(layer);
    let left = node.handle.term().unwrap().remaining();

    node.clock.advance_silently(left - MIN);
    assert_ready_ok!(service.poll_ready());
    let _admitted = service.call(Request::default());
    let (request, _answer) = assert_ready!(inner.poll_request()).unwrap();
    let term: &Term = request.extensions().get().unwrap();
    assert_eq!(term.remaining(), MIN);

    node.clock.advance_silently(NANO);
    assert_ready_ok!(service.poll_ready());
    let response = soon(service.call(Request::default())).await.unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["noleader-reason"], "no_leader");
    assert_eq!(response.headers()["retry-after"], "1");
    assert_pending!(inner.poll_request());
    assert!(node.handle.is_leader());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_resumes_admission() {
    let node = Node::leader().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone())
        .min_remaining(MIN)
        .fail();
    let (mut service, mut inner) = mock::spawn_layer::<u32, u32, _>(layer);
    node.store.memory.set_outage(true);
    let left = node.handle.term().unwrap().remaining();
    node.advance(left - MIN + NANO).await;
    assert!(matches!(node.handle.status(), Status::Leader { .. }));
    assert_ready_ok!(service.poll_ready::<u32>());
    let error = soon(service.call(1)).await.unwrap_err();
    let not_leader: &NotLeader = error.downcast_ref().unwrap();
    assert_eq!(not_leader.reason(), Reason::NoLeader);

    node.store.memory.set_outage(false);
    node.advance(LEASE / 10).await;
    assert!(node.handle.term().unwrap().remaining() > MIN);
    assert_ready_ok!(service.poll_ready::<u32>());
    let _admitted = service.call(2);
    assert_eq!(assert_ready!(inner.poll_request()).unwrap().0, 2);
}

#[tokio::test(start_paused = true)]
async fn zero_admits_until_the_last_nanosecond() {
    let node = Node::leader().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone()).fail();
    let (mut service, mut inner) = mock::spawn_layer::<u32, u32, _>(layer);
    let left = node.handle.term().unwrap().remaining();
    node.clock.advance_silently(left - NANO);
    assert_ready_ok!(service.poll_ready::<u32>());
    let _admitted = service.call(1);
    assert_ready!(inner.poll_request()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_excessive_min_remaining_is_logged() {
    let (lines, _guard) = Lines::collect();
    let node = Node::leader().await;
    // A term ends a guard before its lease, and is renewed every third of it, or a tenth later.
    let always_left = LEASE - LEASE / 10 - LEASE * 11 / 30;
    let layer = LeaderOnlyLayer::new(node.handle.clone()).min_remaining(always_left);
    let warning = ["WARN", "`min_remaining` is more than is left"];
    assert_eq!(lines.with(&warning), [""; 0]);
    let _ = layer.min_remaining(always_left + NANO);
    lines.until(&warning).await;
}
