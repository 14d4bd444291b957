//! The health report in each state of a node.

use std::time::Duration;

use http::{Request, Response};
use noleader::{Health, Status};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::node::{LEASE, Node, released, settle, soon};

/// A lease of 15 s without its guard.
const LEFT: u64 = 13_500;

async fn get(health: &Health) -> (u16, Value) {
    let answer: Response<String> = health.clone().oneshot(Request::new(())).await.unwrap();
    let report = serde_json::from_str(answer.body()).unwrap();
    (answer.status().as_u16(), report)
}

async fn report(node: &Node) -> (u16, Value) {
    get(&node.handle.health()).await
}

fn stands(status: &str) -> Value {
    json!({
        "status": status, "id": "a", "leader": null, "token": null, "remaining_ms": null,
        "renewed_secs_ago": null,
    })
}

/// The report of a node that holds the lease and won or renewed it one second ago.
fn holds(status: &str) -> Value {
    json!({
        "status": status, "id": "a", "leader": { "id": "a", "token": 1 }, "token": 1,
        "remaining_ms": LEFT - 1000, "renewed_secs_ago": 1.0,
    })
}

/// The report of a node that no longer holds the lease, and last won or renewed it this many seconds ago.
fn held(status: &str, seconds: f64) -> Value {
    let mut report = stands(status);
    report["renewed_secs_ago"] = json!(seconds);
    report
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn leader_reports_200_and_its_term() {
    let node = Node::leader().await;
    node.clock.advance_silently(SECOND);
    assert_eq!(report(&node).await, (200, holds("leader")));
}

#[tokio::test(start_paused = true)]
async fn report_shows_a_renewal() {
    let node = Node::leader().await;
    // Renewals have a jitter of 10 %.
    node.clock.advance_silently(LEASE * 11 / 30);
    let (_, before) = report(&node).await;
    assert_eq!(before["renewed_secs_ago"], 5.5);
    node.advance(Duration::ZERO).await;
    let (code, after) = report(&node).await;
    assert_eq!((code, &after["remaining_ms"]), (200, &json!(LEFT)));
    assert_eq!(after["renewed_secs_ago"], 0.0);
}

#[tokio::test(start_paused = true)]
async fn follower_names_the_leader_without_address() {
    let node = Node::follower().await;
    assert_eq!(report(&node).await, (503, stands("follower")));

    let node = Node::follower_of(Some("http://10.0.0.7:8080")).await;
    let mut expected = stands("follower");
    expected["leader"] = json!({ "id": "x", "token": 42 });
    assert_eq!(report(&node).await, (503, expected));
}

#[tokio::test(start_paused = true)]
async fn warming_node_holds_the_lease_without_leading() {
    let (node, end) = Node::warming().await;
    node.clock.advance_silently(SECOND);
    assert_eq!(report(&node).await, (503, holds("warming")));
    end.send(Ok(())).unwrap();
    node.until(|status| matches!(status, Status::Leader { .. }))
        .await;
    assert_eq!(report(&node).await, (200, holds("leader")));
}

#[tokio::test(start_paused = true)]
async fn draining_node_holds_the_lease_without_leading() {
    let (node, admission, stepped_down) = Node::draining().await;
    node.clock.advance_silently(SECOND);
    assert_eq!(report(&node).await, (503, holds("draining")));
    drop(admission);
    released(stepped_down).await;
    assert_eq!(report(&node).await, (503, held("follower", 1.0)));
}

#[tokio::test(start_paused = true)]
async fn expired_lease_is_not_held_despite_published_status() {
    let leader = Node::expired().await;
    assert_eq!(report(&leader).await, (503, held("follower", 15.0)));
    let (warming, _end) = Node::warming().await;
    let (draining, _admission, _) = Node::draining().await;
    for (node, status) in [(warming, "follower"), (draining, "draining")] {
        // The deadline is exact to the nanosecond.
        node.clock
            .advance_silently(Duration::from_millis(LEFT) - Duration::from_nanos(1));
        assert_eq!(report(&node).await.1["token"], 1);
        node.clock.advance_silently(Duration::from_nanos(1));
        assert_eq!(report(&node).await, (503, held(status, 13.5)));
    }
}

#[tokio::test(start_paused = true)]
async fn stopped_node_reports_stopped() {
    let node = Node::stopped().await;
    assert_eq!(report(&node).await, (503, stands("stopped")));

    let node = Node::leader().await;
    node.panic().await;
    assert_eq!(report(&node).await, (503, held("stopped", 7.5)));
}

#[tokio::test(start_paused = true)]
async fn endpoint_does_not_keep_the_election_running() {
    let a = Node::leader().await;
    let b = a.rival().await;
    let health = a.handle.health();
    drop(a);
    b.until(|status| matches!(status, Status::Leader { .. }))
        .await;
    assert_eq!(get(&health).await, (503, held("stopped", 0.0)));
    assert_eq!(report(&b).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn hand_over_moves_health_to_the_successor() {
    let a = Node::leader().await;
    let b = a.rival().await;
    assert_eq!((report(&a).await.0, report(&b).await.0), (200, 503));
    soon(a.handle.step_down()).await.unwrap();
    b.until(|status| matches!(status, Status::Leader { .. }))
        .await;
    settle().await;
    let ((at_a, of_a), (at_b, of_b)) = (report(&a).await, report(&b).await);
    assert_eq!((at_a, at_b), (503, 200));
    assert_eq!(of_a["leader"], of_b["leader"]);
    assert_eq!(of_b["leader"]["id"], "b");
}
