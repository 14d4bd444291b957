//! What runs between winning and opening the gate.

use std::{sync::Arc, time::Duration};

use noleader::{Reason, Status, clock::FakeClock, store::Memory};
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::timeout,
};

use crate::support::{LEASE, advance_until, candidate, until};

/// Of real time, for what is to happen soon.
const BOUND: Duration = Duration::from_secs(20);

#[tokio::test]
async fn the_gate_opens_when_the_warm_up_is_done() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let ready = Arc::new(Notify::new());
    let wait = ready.clone();
    let a = candidate("a", &clock).warm_up(move |term| {
        let wait = wait.clone();
        async move {
            assert!(term.is_current());
            wait.notified().await;
            Ok::<(), std::io::Error>(())
        }
    });
    let a = a.start_with(store.clone()).await.unwrap();
    until(&a, |status| *status == Status::Warming).await;
    let end = clock.now() + LEASE * 2;
    advance_until(&clock, || clock.now() >= end).await;
    assert!(!a.is_leader());
    assert_eq!(a.admit().unwrap_err().reason(), Reason::Warming);
    ready.notify_one();
    a.elected().await.unwrap();
    assert!(a.is_leader());
}

#[tokio::test]
async fn a_warm_up_that_fails_or_panics_gives_the_lease_back() {
    for panics in [false, true] {
        let (store, clock) = (Memory::new(), FakeClock::new());
        let (tried, mut tries) = mpsc::unbounded_channel();
        let a = candidate("a", &clock).warm_up(move |term| {
            tried.send(term).unwrap();
            async move {
                assert!(!panics, "a panic on purpose");
                Err::<(), _>("not ready")
            }
        });
        let a = a.start_with(store.clone()).await.unwrap();
        let term = tries.recv().await.unwrap();
        term.cancellation().cancelled().await;
        assert!(!a.is_leader());
        let b = candidate("b", &clock)
            .start_with(store.clone())
            .await
            .unwrap();
        b.elected().await.unwrap();
    }
}

#[tokio::test]
async fn a_warm_up_is_dropped_when_its_term_is_given_back_or_lost() {
    for lost in [false, true] {
        let (store, clock) = (Memory::new(), FakeClock::new());
        let (sender, dropped) = oneshot::channel::<()>();
        let sender = std::sync::Mutex::new(Some(sender));
        let a = candidate("a", &clock).warm_up(move |_| {
            let kept = sender.lock().unwrap().take();
            async move {
                let _kept = kept;
                std::future::pending::<Result<(), std::io::Error>>().await
            }
        });
        let a = a.start_with(store.clone()).await.unwrap();
        until(&a, |status| *status == Status::Warming).await;
        if lost {
            store.set_outage(true);
            advance_until(&clock, || *a.status().borrow() != Status::Warming).await;
        } else {
            a.shutdown().await.unwrap();
        }
        let dropped = timeout(BOUND, dropped).await.unwrap();
        assert!(dropped.is_err(), "the sender went with the future");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_down_waits_for_a_warm_up_that_blocks_its_thread() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let (go_on, blocked) = std::sync::mpsc::channel::<()>();
    let blocked = std::sync::Mutex::new(blocked);
    let (seen, mut sees) = mpsc::unbounded_channel();
    let a = candidate("a", &clock).warm_up(move |term| {
        // One that has not begun is cancelled before it does.
        seen.send(term.is_current()).unwrap();
        let _ = blocked.lock().unwrap().recv();
        seen.send(term.is_current()).unwrap();
        std::future::pending::<Result<(), std::io::Error>>()
    });
    let a = a.start_with(store.clone()).await.unwrap();
    assert_eq!(timeout(BOUND, sees.recv()).await.unwrap(), Some(true));
    let step_down = tokio::spawn({
        let a = a.clone();
        async move { a.step_down().await }
    });
    // Published once the gate has shut and, if nothing were waited for, the term has ended.
    timeout(BOUND, until(&a, |status| *status == Status::Draining))
        .await
        .unwrap();
    go_on.send(()).unwrap();
    let then = timeout(BOUND, sees.recv()).await.unwrap();
    assert_eq!(then, Some(true), "its lease was given back");
    step_down.await.unwrap().unwrap();
    assert!(matches!(*a.status().borrow(), Status::Follower { .. }));
}
