//! Liveness of the background task in every state of a node.

use std::time::Duration;

use http::{Request, Response};
use noleader::{LeaderHandle, Liveness, Status};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::node::{LEASE, Node, released};

async fn get(liveness: Liveness) -> (u16, Value) {
    let answer: Response<String> = liveness.oneshot(Request::new(())).await.unwrap();
    let report = serde_json::from_str(answer.body()).unwrap();
    (answer.status().as_u16(), report)
}

async fn liveness(handle: &LeaderHandle) -> (u16, Value) {
    get(handle.liveness()).await
}

async fn health(node: &Node) -> u16 {
    let health = node.handle.health();
    let answer = health.oneshot(Request::new(())).await.unwrap();
    answer.status().as_u16()
}

fn says(status: &str, seconds: f64) -> Value {
    json!({ "status": status, "progress_secs_ago": seconds })
}

fn says_why(reason: &str) -> Value {
    json!({ "status": "stopped", "reason": reason, "progress_secs_ago": 0.0 })
}

/// Asserts that the node stays alive and in the same state for five leases.
async fn stays_alive(node: &Node, is_so: impl Fn(&Status) -> bool) {
    for _ in 0..100 {
        node.advance(LEASE / 20).await;
        let status = node.handle.status();
        assert!(is_so(&status), "{status:?}");
        let (code, report) = liveness(&node.handle).await;
        assert_eq!((code, &report["status"]), (200, &json!("alive")));
        let ago = report["progress_secs_ago"].as_f64().unwrap();
        assert!(ago <= LEASE.as_secs_f64(), "{ago} s in {status:?}");
    }
}

fn follows(status: &Status) -> bool {
    matches!(status, Status::Follower { .. })
}

#[tokio::test(start_paused = true)]
async fn leader_and_follower_are_alive() {
    let a = Node::leader().await;
    let b = a.rival().await;
    stays_alive(&a, |status| matches!(status, Status::Leader { .. })).await;
    stays_alive(&b, follows).await;
}

#[tokio::test(start_paused = true)]
async fn observer_is_alive() {
    let node = Node::join("o", &Default::default(), &Default::default(), |builder| {
        builder.observe()
    })
    .await;
    stays_alive(&node, follows).await;
}

/// Such a leader may be silent for longer than two leases of the follower.
#[tokio::test(start_paused = true)]
async fn follower_of_a_longer_lease_is_alive() {
    let node = Node::follower().await;
    let record = json!({
        "v": 1, "holder": "x", "session": "y", "lease_ms": 24 * 60 * 60 * 1000,
        "token": 42, "floor": 41, "renewal": 3,
    });
    node.store.memory.overwrite(record.to_string());
    node.until(|status| matches!(status, Status::Follower { leader: Some(_) }))
        .await;
    stays_alive(&node, |status| {
        matches!(status, Status::Follower { leader: Some(_) })
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn warming_node_is_alive() {
    let (node, _end) = Node::warming().await;
    stays_alive(&node, |status| *status == Status::Warming).await;
}

#[tokio::test(start_paused = true)]
async fn draining_node_is_alive() {
    let node = Node::join("a", &Default::default(), &Default::default(), |builder| {
        builder
            .dangerous_trust_absent_key(true)
            .drain_timeout(LEASE * 100)
    })
    .await;
    let admission = node.handle.admit().unwrap();
    let stepped_down = node.step_down().await;
    stays_alive(&node, |status| *status == Status::Draining).await;
    drop(admission);
    released(stepped_down).await;
}

#[tokio::test(start_paused = true)]
async fn cut_off_node_is_alive_but_not_healthy() {
    let node = Node::leader().await;
    node.lose().await;
    assert_eq!(health(&node).await, 503);
    stays_alive(&node, follows).await;
    assert_eq!(health(&node).await, 503);
    node.store.memory.set_outage(false);
    for _ in 0..40 {
        node.advance(LEASE / 20).await;
    }
    assert_eq!(health(&node).await, 200);
}

#[tokio::test(start_paused = true)]
async fn task_is_stalled_after_two_leases_without_progress() {
    for node in [Node::leader().await, Node::follower().await] {
        let moment = Duration::from_nanos(1);
        node.clock.advance_silently(LEASE * 2 - moment);
        let almost = (LEASE * 2 - moment).as_secs_f64();
        assert_eq!(liveness(&node.handle).await, (200, says("alive", almost)));
        node.clock.advance_silently(moment);
        let expected = (503, says("stalled", 30.0));
        assert_eq!(liveness(&node.handle).await, expected);
        assert_eq!(health(&node).await, 503);
        node.advance(Duration::ZERO).await;
        assert_eq!(liveness(&node.handle).await, (200, says("alive", 0.0)));
    }
}

#[tokio::test(start_paused = true)]
async fn panicked_task_is_stopped_at_once() {
    let node = Node::leader().await;
    node.panic().await;
    let expected = says_why("task_ended");
    assert_eq!(liveness(&node.handle).await, (503, expected));
}

#[tokio::test(start_paused = true)]
async fn node_is_stopped_after_shutdown() {
    let node = Node::stopped().await;
    let expected = says_why("shutdown");
    assert_eq!(liveness(&node.handle).await, (503, expected));
}

#[tokio::test(start_paused = true)]
async fn endpoint_does_not_keep_the_election_running() {
    let a = Node::leader().await;
    let b = a.rival().await;
    let alive = a.handle.liveness();
    assert_eq!(get(alive.clone()).await, (200, says("alive", 0.0)));
    drop(a);
    b.until(|status| matches!(status, Status::Leader { .. }))
        .await;
    assert_eq!(get(alive).await, (503, says_why("shutdown")));
}
