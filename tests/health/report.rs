//! What a node says of itself in each state.

use std::time::Duration;

use http::{Request, Response};
use noleader::{Health, Status};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::node::{LEASE, Node, released, settle, soon};

/// The guard of a lease of 15 s, and what is left of it.
const LEFT: u64 = 14_250;

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

/// The report of a node that holds the lease, which it won or renewed a second ago.
fn holds(status: &str) -> Value {
    json!({
        "status": status, "id": "a", "leader": { "id": "a", "token": 1 }, "token": 1,
        "remaining_ms": LEFT - 1000, "renewed_secs_ago": 1.0,
    })
}

/// The report of a node that held the lease, and won or renewed it so many seconds ago.
fn held(status: &str, seconds: f64) -> Value {
    let mut report = stands(status);
    report["renewed_secs_ago"] = json!(seconds);
    report
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn the_leader_is_answered_200_with_its_term() {
    let node = Node::leader().await;
    node.clock.advance_silently(SECOND);
    assert_eq!(report(&node).await, (200, holds("leader")));
}

#[tokio::test(start_paused = true)]
async fn a_renewal_is_seen() {
    let node = Node::leader().await;
    // Renewals are spread by 10 %.
    node.clock.advance_silently(LEASE * 11 / 30);
    let (_, before) = report(&node).await;
    assert_eq!(before["renewed_secs_ago"], 5.5);
    node.advance(Duration::ZERO).await;
    let (code, after) = report(&node).await;
    assert_eq!((code, &after["remaining_ms"]), (200, &json!(LEFT)));
    assert_eq!(after["renewed_secs_ago"], 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_follower_names_the_leader_and_no_address() {
    let node = Node::follower().await;
    assert_eq!(report(&node).await, (503, stands("follower")));

    let node = Node::follower_of(Some("http://10.0.0.7:8080")).await;
    let mut expected = stands("follower");
    expected["leader"] = json!({ "id": "x", "token": 42 });
    assert_eq!(report(&node).await, (503, expected));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_warms_up_holds_the_lease_and_does_not_lead() {
    let (node, end) = Node::warming().await;
    node.clock.advance_silently(SECOND);
    assert_eq!(report(&node).await, (503, holds("warming")));
    end.send(Ok(())).unwrap();
    node.until(|status| matches!(status, Status::Leader { .. }))
        .await;
    assert_eq!(report(&node).await, (200, holds("leader")));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_drains_holds_the_lease_and_does_not_lead() {
    let (node, admission, stepped_down) = Node::draining().await;
    node.clock.advance_silently(SECOND);
    assert_eq!(report(&node).await, (503, holds("draining")));
    drop(admission);
    released(stepped_down).await;
    assert_eq!(report(&node).await, (503, held("follower", 1.0)));
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_ran_out_is_not_held_whatever_was_published_last() {
    let leader = Node::expired().await;
    assert_eq!(report(&leader).await, (503, held("follower", 15.0)));
    let (warming, _end) = Node::warming().await;
    let (draining, _admission, _) = Node::draining().await;
    for (node, status) in [(warming, "follower"), (draining, "draining")] {
        // To the nanosecond.
        node.clock
            .advance_silently(Duration::from_millis(LEFT) - Duration::from_nanos(1));
        assert_eq!(report(&node).await.1["token"], 1);
        node.clock.advance_silently(Duration::from_nanos(1));
        assert_eq!(report(&node).await, (503, held(status, 14.25)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_has_left_says_so() {
    let node = Node::stopped().await;
    assert_eq!(report(&node).await, (503, stands("stopped")));

    let node = Node::leader().await;
    node.panic().await;
    assert_eq!(report(&node).await, (503, held("stopped", 7.5)));
}

#[tokio::test(start_paused = true)]
async fn the_endpoint_keeps_no_election_going() {
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
async fn exactly_one_of_two_is_healthy_over_a_hand_over() {
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
