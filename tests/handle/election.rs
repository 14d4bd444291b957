//! The start, the renewals and the end of leadership.

use std::time::Duration;

use noleader::{Builder, LeaderInfo, Reason, Status, store::Memory, test_util::FakeClock};

use crate::support::{LEASE, advance_until, candidate, is_follower_of, leader, until};

#[tokio::test]
async fn one_node_leads_and_the_other_follows() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = candidate(store.clone(), "a", &clock).address("http://10.0.0.7:8080");
    let a = a.start().await.unwrap();
    let term = a.elected().await.unwrap();
    let b = candidate(store.clone(), "b", &clock).start().await.unwrap();
    until(&b, is_follower_of("a")).await;

    assert!(a.is_leader() && !b.is_leader());
    assert_eq!(a.term(), Some(term.clone()));
    assert_eq!(b.term(), None);
    assert!(*a.subscribe().borrow() && !*b.subscribe().borrow());
    let info = b.leader().unwrap();
    assert_eq!(Some(&info), a.leader().as_ref());
    assert_eq!(info.address(), Some("http://10.0.0.7:8080"));
    assert_eq!(info.token(), term.token());
    let refused = b.admit().unwrap_err();
    assert_eq!(refused.reason(), Reason::NotLeader);
    assert_eq!(refused.leader().map(LeaderInfo::id), Some("a"));
}

#[tokio::test]
async fn a_token_contains_the_time() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    clock.set_wall(1_800_000_000_000);
    let a = leader(&store, &clock).await;
    let first = a.term().unwrap().token();
    let shown = 1_800_000_000_000..1_800_001_000_000;
    assert!(shown.contains(&u64::from(first)), "{first}");
    // Another bucket, whose revisions start at 1 again.
    clock.advance(Duration::from_secs(60));
    let b = leader(&Memory::new(), &clock).await;
    assert!(b.term().unwrap().token() > first);
}

/// A node of a later version leads, and crashes.
#[tokio::test]
async fn record_of_a_later_version_delays_takeover() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let later = r#"{"v":3,"holder":null,"lease_ms":40000,"token":1000,"leases":[]}"#;
    store.overwrite(later);
    let start = clock.now();
    let a = candidate(store, "a", &clock).start().await.unwrap();
    advance_until(&clock, || a.is_leader()).await;
    let waited = clock.now().saturating_since(start);
    assert!((40_000..41_000).contains(&waited.as_millis()), "{waited:?}");
    assert_eq!(a.term().unwrap().token(), 1001.into());
}

#[tokio::test]
async fn the_gate_closes_without_the_task() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    let (term, flag) = (a.term().unwrap(), a.subscribe());
    // As in a process that was paused: the first read finds the gate closed.
    clock.advance_silently(LEASE);
    assert!(!a.is_leader());
    assert_eq!(a.admit().unwrap_err().reason(), Reason::NoLeader);
    assert!(!term.is_current());
    assert!(*flag.borrow(), "the task has not run yet");
}

#[tokio::test]
async fn the_gate_reopens_with_a_larger_token() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    let old = a.term().unwrap();
    store.set_outage(true);
    advance_until(&clock, || !a.is_leader()).await;
    until(&a, |status| *status == Status::Follower { leader: None }).await;
    assert!(old.cancellation().is_cancelled());
    store.set_outage(false);
    advance_until(&clock, || a.is_leader()).await;
    assert!(a.term().unwrap().token() > old.token());
    assert!(!old.is_current());
}

#[tokio::test]
async fn the_lease_is_renewed_while_the_store_responds() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    let term = a.term().unwrap();
    let end = clock.now() + LEASE * 10;
    advance_until(&clock, || {
        assert!(a.is_leader());
        clock.now() >= end
    })
    .await;
    assert_eq!(a.term(), Some(term));
}

#[tokio::test]
async fn a_deleted_key_ends_the_term() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = candidate(store.clone(), "a", &clock)
        .dangerous_trust_absent_key(false)
        .start()
        .await
        .unwrap();
    advance_until(&clock, || a.is_leader()).await;
    let term = a.term().unwrap();
    store.delete();
    until(&a, |status| *status == Status::Follower { leader: None }).await;
    assert!(!term.is_current());
    let start = clock.now();
    advance_until(&clock, || a.is_leader()).await;
    assert!(clock.now().saturating_since(start) >= LEASE);
    assert!(a.term().unwrap().token() > term.token());
}

#[tokio::test]
async fn an_overwritten_key_ends_the_term() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    let term = a.term().unwrap();
    store.overwrite("not a record");
    term.cancellation().cancelled().await;
    assert!(!a.is_leader());
    advance_until(&clock, || a.is_leader()).await;
    assert!(a.term().unwrap().token() > term.token());
}

#[tokio::test]
async fn an_observer_follows_and_never_campaigns() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let observer = candidate(store.clone(), "o", &clock)
        .observe()
        .start()
        .await
        .unwrap();
    let a = leader(&store, &clock).await;
    until(&observer, is_follower_of("a")).await;
    a.shutdown().await.unwrap();
    until(&observer, |status| {
        *status == Status::Follower { leader: None }
    })
    .await;
    let end = clock.now() + LEASE * 3;
    advance_until(&clock, || clock.now() >= end).await;
    assert!(!observer.is_leader());
    assert_eq!(observer.step_down().await, Ok(()));
    assert_eq!(observer.shutdown().await, Ok(()));
}

#[tokio::test]
async fn start_rejects_contradictory_settings() {
    let start = |builder: Builder<Memory>| builder.start();
    let clock = FakeClock::new();
    let error = start(candidate(Memory::new(), "a", &clock).lease(Duration::from_millis(100)))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "`lease` is 100ms: it must be between 200 ms and 24 h"
    );
    let error = start(candidate(Memory::new(), "a", &clock).address("no uri"))
        .await
        .unwrap_err();
    assert!(error.to_string().starts_with("`address`"));
}

#[tokio::test]
async fn the_flag_changes_with_leadership_only() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    let mut flag = a.subscribe();
    assert!(*flag.borrow_and_update());
    let end = clock.now() + LEASE * 2;
    advance_until(&clock, || clock.now() >= end).await;
    assert!(!flag.has_changed().unwrap(), "a renewal is no change");
    store.set_outage(true);
    advance_until(&clock, || !a.is_leader()).await;
    until(&a, |status| !matches!(status, Status::Leader { .. })).await;
    assert!(flag.has_changed().unwrap());
    assert!(!*flag.borrow_and_update());
}
