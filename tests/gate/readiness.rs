//! Every change of state wakes a task that waits in `poll_ready`. The tests are named after the change.

use std::{future::ready, task::Poll};

use http::{Request, Response};
use noleader::{
    Builder, LeaderHandle, LeaderOnlyLayer, NotLeader, Reason, Status,
    middleware::{Fail, NotReady},
};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};
use tower::{BoxError, Layer, Service, service_fn};
use tower_test::mock::{self, Mock, Spawn};

use crate::node::{LEASE, Node, released, settle, soon};

/// A task that waits for its service to become ready.
struct Parked {
    task: Spawn<Fail<Mock<u32, u32>, NotReady>>,
    inner: mock::Handle<u32, u32>,
}

impl Parked {
    fn on(handle: &LeaderHandle) -> Self {
        let layer = LeaderOnlyLayer::new(handle.clone()).not_ready().fail();
        let (task, inner) = mock::spawn_layer(layer);
        let mut parked = Self { task, inner };
        assert_pending!(parked.poll());
        parked
    }

    fn poll(&mut self) -> Poll<Result<(), BoxError>> {
        self.task.poll_ready::<u32>()
    }

    #[track_caller]
    fn woken(&mut self) -> Poll<Result<(), BoxError>> {
        assert!(self.task.is_woken(), "the task was not woken");
        self.poll()
    }

    #[track_caller]
    fn is_ready(&mut self) {
        assert_ready_ok!(self.woken());
    }

    #[track_caller]
    fn is_parked_again(&mut self) {
        assert_pending!(self.woken());
        assert!(!self.task.is_woken());
    }

    #[track_caller]
    fn has_failed(&mut self) {
        let error = assert_ready!(self.woken()).unwrap_err();
        let not_leader: &NotLeader = error.downcast_ref().unwrap();
        assert_eq!(not_leader.reason(), Reason::Stopped);
    }
}

#[tokio::test(start_paused = true)]
async fn follower_to_leader() {
    let node = Node::follower().await;
    let mut parked = Parked::on(&node.handle);
    node.advance(LEASE).await;
    parked.is_ready();
}

#[tokio::test(start_paused = true)]
async fn no_leader_to_known_leader() {
    let node = Node::join(
        "a",
        &Default::default(),
        &Default::default(),
        Builder::observe,
    )
    .await;
    let mut parked = Parked::on(&node.handle);
    let other = Node::join("b", &node.store, &node.clock, |b| {
        b.dangerous_trust_absent_key(true)
    })
    .await;
    other
        .until(|status| matches!(status, Status::Leader { .. }))
        .await;
    settle().await;
    assert_eq!(node.handle.leader().unwrap().id(), "b");
    parked.is_parked_again();
}

#[tokio::test(start_paused = true)]
async fn follower_to_leader_after_a_release() {
    let other = Node::leader().await;
    let node = other.rival().await;
    let mut parked = Parked::on(&node.handle);
    soon(other.handle.shutdown()).await.unwrap();
    node.until(|status| matches!(status, Status::Leader { .. }))
        .await;
    parked.is_ready();
}

#[tokio::test(start_paused = true)]
async fn warming_to_leader() {
    let (node, warm) = Node::warming().await;
    let mut parked = Parked::on(&node.handle);
    warm.send(Ok(())).unwrap();
    node.until(|status| matches!(status, Status::Leader { .. }))
        .await;
    parked.is_ready();
}

#[tokio::test(start_paused = true)]
async fn follower_to_warming() {
    let node = Node::join("a", &Default::default(), &Default::default(), |builder| {
        builder.warm_up(|_| std::future::pending::<Result<(), BoxError>>())
    })
    .await;
    let mut parked = Parked::on(&node.handle);
    node.advance(LEASE).await;
    assert_eq!(node.handle.status(), Status::Warming);
    parked.is_parked_again();
}

#[tokio::test(start_paused = true)]
async fn warming_to_follower() {
    let (node, warm) = Node::warming().await;
    let mut parked = Parked::on(&node.handle);
    warm.send(Err("no orders")).unwrap();
    node.until(|status| matches!(status, Status::Follower { .. }))
        .await;
    parked.is_parked_again();
}

#[tokio::test(start_paused = true)]
async fn warming_to_stopped() {
    let (node, _warm) = Node::warming().await;
    let mut parked = Parked::on(&node.handle);
    soon(node.handle.shutdown()).await.unwrap();
    parked.has_failed();
}

#[tokio::test(start_paused = true)]
async fn leader_to_follower_by_expiry_and_back() {
    let node = Node::expired().await;
    node.store.memory.set_outage(true);
    // The gate is closed, and the status lags behind.
    let mut parked = Parked::on(&node.handle);
    node.advance(LEASE / 100).await;
    assert!(matches!(node.handle.status(), Status::Follower { .. }));
    parked.is_parked_again();

    node.store.memory.set_outage(false);
    node.advance(LEASE).await;
    node.until(|status| matches!(status, Status::Leader { .. }))
        .await;
    parked.is_ready();
}

#[tokio::test(start_paused = true)]
async fn draining_to_follower() {
    let (node, admission, stepped_down) = Node::draining().await;
    let mut parked = Parked::on(&node.handle);
    drop(admission);
    released(stepped_down).await;
    assert!(matches!(node.handle.status(), Status::Follower { .. }));
    parked.is_parked_again();
}

#[tokio::test(start_paused = true)]
async fn draining_to_stopped() {
    let (node, admission, _stepped_down) = Node::draining().await;
    let mut parked = Parked::on(&node.handle);
    let handle = node.handle.clone();
    let stopped = tokio::spawn(async move { handle.shutdown().await });
    settle().await;
    drop(admission);
    released(stopped).await;
    parked.has_failed();
}

#[tokio::test(start_paused = true)]
async fn follower_to_stopped() {
    let node = Node::follower().await;
    let mut parked = Parked::on(&node.handle);
    soon(node.handle.shutdown()).await.unwrap();
    parked.has_failed();
    assert!(
        parked.poll().is_ready(),
        "poll_ready was pending after the stop"
    );
}

/// linkerd2-proxy#2493: a closed gate whose owner had vanished never woke its waiters.
#[tokio::test(start_paused = true)]
async fn a_panic_of_the_task_wakes_every_waiter() {
    let (warming, _warm) = Node::warming().await;
    let (draining, _admission, _stepped_down) = Node::draining().await;
    for node in [
        Node::follower().await,
        Node::expired().await,
        warming,
        draining,
    ] {
        let status = node.handle.status();
        let mut parked = Parked::on(&node.handle);
        node.panic().await;
        assert!(parked.task.is_woken(), "{status}");
        parked.has_failed();
    }
}

#[test]
fn the_end_of_the_runtime_wakes_every_waiter() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let node = runtime.block_on(Node::follower());
    let mut parked = Parked::on(&node.handle);
    drop(runtime);
    parked.has_failed();
}

#[tokio::test(start_paused = true)]
async fn the_election_runs_while_the_service_lives() {
    let node = Node::follower().await;
    let mut parked = Parked::on(&node.handle);
    let mut status = node.handle.watch();
    drop(node.handle);
    node.clock.advance(LEASE);
    settle().await;
    parked.is_ready();
    drop(parked);
    status
        .wait_for(|status| *status == Status::Stopped)
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stopped_service_is_ready_and_rejects() {
    let node = Node::follower().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone()).not_ready();
    let (mut service, mut inner) = mock::spawn_layer::<Request<String>, Response<String>, _>(layer);
    // Not ready, which must not matter after the stop.
    inner.allow(0);
    assert_pending!(service.poll_ready());
    soon(node.handle.shutdown()).await.unwrap();
    assert!(service.is_woken());
    assert_ready_ok!(service.poll_ready());
    let response = soon(service.call(Request::new(String::new())))
        .await
        .unwrap();
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["noleader-reason"], "stopped");
}

#[tokio::test(start_paused = true)]
async fn a_stop_before_the_first_poll_is_noticed() {
    let node = Node::stopped().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone()).not_ready().fail();
    let (mut service, _inner) = mock::spawn_layer::<u32, u32, _>(layer);
    assert!(assert_ready!(service.poll_ready::<u32>()).is_err());

    // `wait_up_to` does not wait for an election that has stopped.
    let layer = LeaderOnlyLayer::new(node.handle.clone())
        .wait_up_to(LEASE)
        .not_ready()
        .fail();
    let service = layer.layer(service_fn(|()| ready(Ok::<(), BoxError>(()))));
    let mut service = task::spawn(service);
    let asked = service.enter(|cx, mut service| service.poll_ready(cx));
    assert!(assert_ready!(asked).is_err());
}

#[tokio::test(start_paused = true)]
async fn changes_between_two_polls_are_not_missed() {
    let node = Node::follower().await;
    let mut parked = Parked::on(&node.handle);
    node.advance(LEASE).await;
    released(node.step_down().await).await;
    parked.is_parked_again();
    // Longer than the cool-down of half a lease.
    node.advance(LEASE).await;
    node.until(|status| matches!(status, Status::Leader { .. }))
        .await;
    parked.is_ready();
}

#[tokio::test(start_paused = true)]
async fn poll_ready_waits_again_after_a_step_down() {
    let node = Node::follower().await;
    let mut parked = Parked::on(&node.handle);
    node.advance(LEASE).await;
    parked.is_ready();
    released(node.step_down().await).await;
    assert_pending!(parked.poll());
    node.advance(LEASE).await;
    node.until(|status| matches!(status, Status::Leader { .. }))
        .await;
    parked.is_ready();
}

#[tokio::test(start_paused = true)]
async fn the_gate_wakes_tasks_waiting_for_the_service() {
    let node = Node::leader().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone()).not_ready().fail();
    let (task, mut inner) = mock::spawn_layer(layer);
    inner.allow(0);
    let mut parked = Parked { task, inner };
    assert_pending!(parked.poll());

    released(node.step_down().await).await;
    parked.is_parked_again();
    node.advance(LEASE).await;
    node.until(|status| matches!(status, Status::Leader { .. }))
        .await;
    assert_pending!(parked.woken());
    parked.inner.allow(1);
    parked.is_ready();

    parked.inner.allow(0);
    drop(parked.task.call(1));
    assert_pending!(parked.poll());
    soon(node.handle.shutdown()).await.unwrap();
    parked.has_failed();
}

#[tokio::test(start_paused = true)]
async fn a_follower_does_not_poll_the_inner_service() {
    let node = Node::follower().await;
    let mut parked = Parked::on(&node.handle);
    // The inner service returns this error as soon as it is polled.
    parked.inner.send_error("polled");
    assert_pending!(parked.poll());
    node.advance(LEASE).await;
    assert_eq!(
        assert_ready!(parked.woken()).unwrap_err().to_string(),
        "polled"
    );
}

#[tokio::test(start_paused = true)]
async fn each_clone_is_woken() {
    let node = Node::follower().await;
    let mut parked = Parked::on(&node.handle);
    let mut clone = parked.task.clone();
    assert_pending!(clone.poll_ready::<u32>());
    node.advance(LEASE).await;
    assert!(clone.is_woken());
    assert_ready_ok!(clone.poll_ready::<u32>());
    parked.is_ready();
}
