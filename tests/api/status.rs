//! `status` is exact at the instant of the call, and `watch` wakes for every term.

use std::time::Duration;

use noleader::{Reason, Status};

use crate::node::{LEASE, Node, settle, soon};

#[tokio::test(start_paused = true)]
async fn status_is_leader_exactly_while_the_gate_is_open() {
    let node = Node::leader().await;
    let token = node.handle.term().unwrap().token();
    assert_eq!(node.handle.status(), Status::Leader { token });
    node.clock.advance_silently(LEASE);
    // The background task has not noticed yet.
    assert_eq!(*node.handle.watch().borrow(), Status::Leader { token });
    assert_eq!(node.handle.status(), Status::Follower { leader: None });
    assert_eq!(node.handle.leader(), None);
    assert!(!node.handle.is_leader());
}

#[tokio::test(start_paused = true)]
async fn a_slow_watcher_sees_that_another_term_began() {
    let node = Node::leader().await;
    let mut changes = node.handle.watch();
    let first = node.handle.term().unwrap().token();
    assert_eq!(
        *changes.borrow_and_update(),
        Status::Leader { token: first }
    );
    node.store.memory.delete();
    settle().await;
    node.until(|status| matches!(status, Status::Leader { .. }))
        .await;
    let token = node.handle.term().unwrap().token();
    assert!(token > first);
    assert!(changes.has_changed().unwrap());
    assert_eq!(*changes.borrow_and_update(), Status::Leader { token });
}

#[tokio::test(start_paused = true)]
async fn every_state_has_its_status_reason_and_leader() {
    let follower = Node::follower_of(Some("http://h:1")).await;
    let leader = follower.handle.leader().unwrap();
    assert_eq!((leader.id(), leader.address()), ("x", Some("http://h:1")));
    assert_eq!(leader.token(), 42.into());
    assert_eq!(refused(&follower), Reason::NotLeader);

    let (warming, _end) = Node::warming().await;
    assert_eq!(warming.handle.status(), Status::Warming);
    assert_eq!(warming.handle.leader().unwrap().id(), "a");
    assert_eq!(refused(&warming), Reason::Warming);

    let (draining, _admission, _stop) = Node::draining().await;
    assert_eq!(draining.handle.status(), Status::Draining);
    assert_eq!(draining.handle.leader().unwrap().id(), "a");
    assert_eq!(refused(&draining), Reason::Draining);

    let stopped = Node::stopped().await;
    assert_eq!(stopped.handle.status(), Status::Stopped);
    assert_eq!(stopped.handle.leader(), None);
    assert_eq!(refused(&stopped), Reason::Stopped);
}

fn refused(node: &Node) -> Reason {
    let not_leader = node.handle.admit().unwrap_err();
    let names_another = not_leader.reason() == Reason::NotLeader;
    assert_eq!(not_leader.leader().is_some(), names_another);
    not_leader.reason()
}

#[test]
fn a_reason_displays_as_its_name() {
    for (reason, name) in [
        (Reason::NotLeader, "not_leader"),
        (Reason::NoLeader, "no_leader"),
        (Reason::Warming, "warming"),
        (Reason::Draining, "draining"),
        (Reason::Stopped, "stopped"),
    ] {
        assert_eq!(reason.to_string(), name);
        assert_eq!(reason.as_str(), name);
    }
}

#[tokio::test(start_paused = true)]
async fn admit_for_requires_the_time_that_it_names() {
    let node = Node::leader().await;
    node.clock.advance_silently(LEASE / 2);
    let left = node.handle.term().unwrap().remaining();
    assert!(node.handle.admit_for(left).is_ok());
    let more = left + Duration::from_nanos(1);
    let refused = node.handle.admit_for(more).unwrap_err();
    assert_eq!(refused.reason(), Reason::NoLeader);
    assert!(node.handle.admit().is_ok());
}

#[tokio::test(start_paused = true)]
async fn loops_over_changes_end_with_the_election() {
    let node = Node::leader().await;
    let (mut changes, mut flag) = (node.handle.watch(), node.handle.subscribe());
    let mut last = node.handle.status();
    let shutdown = node.handle.shutdown();
    let follow = async {
        while changes.changed().await.is_ok() {
            last = changes.borrow_and_update().clone();
        }
        while flag.changed().await.is_ok() {}
    };
    let (released, ()) = soon(async { tokio::join!(shutdown, follow) }).await;
    released.unwrap();
    assert_eq!(last, Status::Stopped);
    // Also for receivers that come later.
    let mut late = node.handle.watch();
    assert_eq!(*late.borrow(), Status::Stopped);
    assert!(late.changed().await.is_err());
}
