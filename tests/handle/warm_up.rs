//! The warm-up between winning the election and opening the gate.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use noleader::{LeaderHandle, Reason, Status, store::Memory, test_util::FakeClock};
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::timeout,
};

use crate::support::{LEASE, advance_until, candidate, until};

/// The limit in real time for an expected event.
const BOUND: Duration = Duration::from_secs(20);

#[tokio::test]
async fn the_gate_opens_after_the_warm_up() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let ready = Arc::new(Notify::new());
    let wait = ready.clone();
    let a = candidate(store.clone(), "a", &clock).warm_up(move |term| {
        let wait = wait.clone();
        async move {
            assert!(term.is_current());
            wait.notified().await;
            Ok::<(), std::io::Error>(())
        }
    });
    let a = a.start().await.unwrap();
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
async fn a_failed_warm_up_releases_the_lease() {
    for panics in [false, true] {
        let (store, clock) = (Memory::new(), FakeClock::new());
        let (tried, mut tries) = mpsc::unbounded_channel();
        let a = candidate(store.clone(), "a", &clock).warm_up(move |term| {
            tried.send(term).unwrap();
            async move {
                assert!(!panics, "a panic on purpose");
                Err::<(), _>("not ready")
            }
        });
        let a = a.start().await.unwrap();
        let term = tries.recv().await.unwrap();
        term.cancellation().cancelled().await;
        assert!(!a.is_leader());
        let b = candidate(store.clone(), "b", &clock).start().await.unwrap();
        b.elected().await.unwrap();
    }
}

#[tokio::test]
async fn a_warm_up_is_dropped_with_its_term() {
    for lost in [false, true] {
        let (store, clock) = (Memory::new(), FakeClock::new());
        let (sender, dropped) = oneshot::channel::<()>();
        let sender = std::sync::Mutex::new(Some(sender));
        let a = candidate(store.clone(), "a", &clock).warm_up(move |_| {
            let kept = sender.lock().unwrap().take();
            async move {
                let _kept = kept;
                std::future::pending::<Result<(), std::io::Error>>().await
            }
        });
        let a = a.start().await.unwrap();
        until(&a, |status| *status == Status::Warming).await;
        if lost {
            store.set_outage(true);
            advance_until(&clock, || a.status() != Status::Warming).await;
        } else {
            a.shutdown().await.unwrap();
        }
        let dropped = timeout(BOUND, dropped).await.unwrap();
        assert!(dropped.is_err(), "the sender went with the future");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_down_waits_for_a_blocking_warm_up() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let (go_on, blocked) = std::sync::mpsc::channel::<()>();
    let blocked = std::sync::Mutex::new(blocked);
    let (seen, mut sees) = mpsc::unbounded_channel();
    let a = candidate(store.clone(), "a", &clock).warm_up(move |term| {
        // Without this, the step-down could cancel the warm-up before it begins.
        seen.send(term.is_current()).unwrap();
        let _ = blocked.lock().unwrap().recv();
        seen.send(term.is_current()).unwrap();
        std::future::pending::<Result<(), std::io::Error>>()
    });
    let a = a.start().await.unwrap();
    assert_eq!(timeout(BOUND, sees.recv()).await.unwrap(), Some(true));
    let step_down = tokio::spawn({
        let a = a.clone();
        async move { a.step_down().await }
    });
    // Published once the gate has closed. If the step-down did not wait, the term would have ended by then.
    timeout(BOUND, until(&a, |status| *status == Status::Draining))
        .await
        .unwrap();
    go_on.send(()).unwrap();
    let then = timeout(BOUND, sees.recv()).await.unwrap();
    assert_eq!(then, Some(true), "the lease was released");
    step_down.await.unwrap().unwrap();
    assert!(matches!(a.status(), Status::Follower { .. }));
}

/// The progress of two warm-ups, of which the first blocks its thread until the test unblocks it.
#[derive(Debug, PartialEq)]
enum Seen {
    FirstBegan,
    FirstEnded,
    SecondBegan,
}

struct Blocked {
    a: LeaderHandle,
    store: Memory,
    clock: FakeClock,
    go_on: std::sync::mpsc::Sender<()>,
    sees: mpsc::UnboundedReceiver<Seen>,
}

impl Blocked {
    /// A node whose first term was lost while its warm-up blocked its thread, and whose store is unreachable.
    async fn by_a_lost_term() -> Self {
        let (store, clock) = (Memory::new(), FakeClock::new());
        let (go_on, blocked) = std::sync::mpsc::channel::<()>();
        let (blocked, begun) = (std::sync::Mutex::new(blocked), AtomicBool::new(false));
        let (seen, sees) = mpsc::unbounded_channel();
        let a = candidate(store.clone(), "a", &clock).warm_up(move |_| {
            // The test may have ended.
            if begun.swap(true, Ordering::Relaxed) {
                let _ = seen.send(Seen::SecondBegan);
            } else {
                let _ = seen.send(Seen::FirstBegan);
                let _ = blocked.lock().unwrap().recv();
                let _ = seen.send(Seen::FirstEnded);
            }
            std::future::ready(Ok::<(), std::io::Error>(()))
        });
        let a = a.start().await.unwrap();
        let mut blocked = Self {
            a,
            store,
            clock,
            go_on,
            sees,
        };
        assert_eq!(blocked.next().await, Seen::FirstBegan);
        blocked.store.set_outage(true);
        blocked.clock.advance(LEASE);
        let lost = until(&blocked.a, |s| matches!(s, Status::Follower { .. }));
        timeout(BOUND, lost).await.unwrap();
        blocked
    }

    async fn next(&mut self) -> Seen {
        timeout(BOUND, self.sees.recv()).await.unwrap().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_warm_up_waits_for_an_earlier_one() {
    let mut blocked = Blocked::by_a_lost_term().await;
    blocked.store.set_outage(false);
    let warming = async {
        // Until its request reaches the store.
        let again = || until(&blocked.a, |status| *status == Status::Warming);
        while timeout(Duration::from_millis(10), again()).await.is_err() {
            blocked.clock.advance(LEASE / 100);
        }
    };
    timeout(BOUND, warming).await.unwrap();
    // Long enough for the second warm-up to begin, if it did not wait.
    let early = timeout(Duration::from_millis(200), blocked.sees.recv()).await;
    assert!(early.is_err(), "the first warm-up still runs: {early:?}");
    blocked.go_on.send(()).unwrap();
    assert_eq!(blocked.next().await, Seen::FirstEnded);
    assert_eq!(blocked.next().await, Seen::SecondBegan);
    timeout(BOUND, blocked.a.elected()).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_down_waits_for_an_earlier_warm_up() {
    let mut blocked = Blocked::by_a_lost_term().await;
    let handle = blocked.a.clone();
    blocked.store.set_outage(false);
    let mut step_down = tokio::spawn(async move { handle.step_down().await });
    let draining = until(&blocked.a, |status| *status == Status::Draining);
    timeout(BOUND, draining).await.unwrap();
    // Long enough for the release, if it did not wait.
    let early = timeout(Duration::from_millis(200), &mut step_down).await;
    assert!(early.is_err(), "the warm-up still runs");
    blocked.go_on.send(()).unwrap();
    assert_eq!(blocked.next().await, Seen::FirstEnded);
    timeout(BOUND, step_down).await.unwrap().unwrap().unwrap();
}
