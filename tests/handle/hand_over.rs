//! Step-downs.

use std::time::Duration;

use noleader::{Reason, Status, store::Memory, test_util::FakeClock};

use crate::support::{LEASE, advance_until, candidate, is_follower_of, leader, until};

#[tokio::test]
async fn the_next_leader_has_a_larger_token() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    let b = candidate(store.clone(), "b", &clock).start().await.unwrap();
    until(&b, is_follower_of("a")).await;
    let old = a.term().unwrap();

    a.step_down().await.unwrap();
    let new = b.elected().await.unwrap();
    assert!(new.token() > old.token());
    assert!(!old.is_current() && old.cancellation().is_cancelled());
    until(&a, is_follower_of("b")).await;
}

#[tokio::test]
async fn a_step_down_pauses_for_half_a_lease() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    let start = clock.now();
    a.step_down().await.unwrap();
    advance_until(&clock, || a.is_leader()).await;
    let sat_out = clock.now().saturating_since(start);
    assert!((LEASE / 2..LEASE).contains(&sat_out), "{sat_out:?}");
}

#[tokio::test]
async fn a_step_down_waits_for_admitted_work() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    let b = candidate(store.clone(), "b", &clock).start().await.unwrap();
    until(&b, is_follower_of("a")).await;
    let (one, two) = (a.admit().unwrap(), a.admit().unwrap());

    let stepping_down = tokio::spawn({
        let a = a.clone();
        async move { a.step_down().await }
    });
    until(&a, |status| *status == Status::Draining).await;
    assert!(!a.is_leader());
    assert_eq!(a.admit().unwrap_err().reason(), Reason::Draining);
    assert_eq!(a.draining(), 2);
    assert!(
        one.term().is_current(),
        "the lease is held while the work is in progress"
    );
    let revision = store.get().revision();
    drop(one);
    assert_eq!(a.draining(), 1);
    // The lease is renewed meanwhile, not released.
    advance_until(&clock, || store.get().revision() > revision).await;
    assert!(two.term().is_current() && !stepping_down.is_finished() && !b.is_leader());
    let term = two.term().clone();
    drop(two);
    stepping_down.await.unwrap().unwrap();
    assert!(!term.is_current());
    b.elected().await.unwrap();
    assert_eq!(a.draining(), 0);
}

#[tokio::test]
async fn a_step_down_ends_at_the_drain_timeout() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = candidate(store.clone(), "a", &clock).drain_timeout(Duration::from_secs(2));
    let a = a.start().await.unwrap();
    a.elected().await.unwrap();
    let stuck = a.admit().unwrap();
    let start = clock.now();
    let stopping = tokio::spawn({
        let a = a.clone();
        async move { a.shutdown().await }
    });
    advance_until(&clock, || stopping.is_finished()).await;
    assert_eq!(stopping.await.unwrap(), Ok(()));
    let waited = clock.now().saturating_since(start);
    assert!((2..4).contains(&waited.as_secs()), "{waited:?}");
    assert!(!stuck.term().is_current());
}
