//! The handle and its task, on a store in memory and a clock that the test moves.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests panic when they fail"
)]

use std::{future::Future, sync::Arc, time::Duration};

use noleader::{
    Builder, LeaderHandle, LeaderInfo, Reason, ReleaseError, Status, Stopped,
    clock::FakeClock,
    store::{LeaseStore, Memory, Observation, StoreError, Watch, WriteError},
};
use tokio::sync::{Notify, mpsc, oneshot};

const LEASE: Duration = Duration::from_secs(15);

fn candidate(id: &str, clock: &FakeClock) -> Builder {
    LeaderHandle::builder("orders", "writer")
        .id(id)
        .lease(LEASE)
        .campaign_delay(Duration::ZERO)
        .trust_absent_key(true)
        .clock(clock.clone())
}

async fn leader(store: &Memory, clock: &FakeClock) -> LeaderHandle {
    let handle = candidate("a", clock)
        .start_with(store.clone())
        .await
        .unwrap();
    handle.elected().await.unwrap();
    handle
}

/// Advances the clock in small steps until `done`, as time would go by.
async fn advance_until(clock: &FakeClock, done: impl Fn() -> bool) {
    for _ in 0..30_000 {
        if done() {
            return;
        }
        clock.advance(Duration::from_millis(10));
        // Lets the tasks that the clock woke run.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    panic!("nothing happened in 300 s");
}

async fn until(handle: &LeaderHandle, wanted: impl Fn(&Status) -> bool) -> Status {
    handle
        .status()
        .wait_for(|status| wanted(status))
        .await
        .unwrap()
        .clone()
}

fn is_follower_of(id: &str) -> impl Fn(&Status) -> bool {
    move |status| matches!(status, Status::Follower { leader: Some(leader) } if leader.id == id)
}

#[tokio::test]
async fn one_of_two_leads_and_the_other_knows_it() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = candidate("a", &clock).address("http://10.0.0.7:8080");
    let a = a.start_with(store.clone()).await.unwrap();
    let term = a.elected().await.unwrap();
    let b = candidate("b", &clock)
        .start_with(store.clone())
        .await
        .unwrap();
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
async fn a_step_down_hands_over_to_the_other_with_a_larger_token() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    let b = candidate("b", &clock)
        .start_with(store.clone())
        .await
        .unwrap();
    until(&b, is_follower_of("a")).await;
    let old = a.term().unwrap();

    a.step_down().await.unwrap();
    let new = b.elected().await.unwrap();
    assert!(new.token() > old.token());
    assert!(!old.is_current() && old.cancellation().is_cancelled());
    until(&a, is_follower_of("b")).await;
}

#[tokio::test]
async fn a_step_down_without_anybody_else_sits_out_half_a_lease() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    let start = clock.now();
    a.step_down().await.unwrap();
    advance_until(&clock, || a.is_leader()).await;
    let sat_out = clock.now().saturating_since(start);
    assert!((LEASE / 2..LEASE).contains(&sat_out), "{sat_out:?}");
}

#[tokio::test]
async fn the_gate_shuts_at_the_deadline_without_the_task() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    let (term, flag) = (a.term().unwrap(), a.subscribe());
    // As in a process that was paused: the very first look at the gate finds it shut.
    clock.advance_silently(LEASE);
    assert!(!a.is_leader());
    assert_eq!(a.admit().unwrap_err().reason(), Reason::NoLeader);
    assert!(!term.is_current());
    assert!(
        *flag.borrow(),
        "the task has not run yet; this is what the flag is not for"
    );
}

#[tokio::test]
async fn an_outage_shuts_the_gate_and_its_end_opens_it_with_a_new_token() {
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
async fn the_lease_is_renewed_for_as_long_as_the_store_answers() {
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
async fn a_hand_over_waits_for_admitted_work_and_tells_how_much_is_left() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    let b = candidate("b", &clock)
        .start_with(store.clone())
        .await
        .unwrap();
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
        "the lease is held while the work goes on"
    );
    let revision = store.get().revision;
    drop(one);
    assert_eq!(a.draining(), 1);
    // Renewed meanwhile, not released.
    advance_until(&clock, || store.get().revision > revision).await;
    assert!(two.term().is_current() && !stepping_down.is_finished() && !b.is_leader());
    let term = two.term().clone();
    drop(two);
    stepping_down.await.unwrap().unwrap();
    assert!(!term.is_current());
    b.elected().await.unwrap();
    assert_eq!(a.draining(), 0);
}

#[tokio::test]
async fn a_hand_over_does_not_wait_longer_than_the_drain_timeout() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = candidate("a", &clock).drain_timeout(Duration::from_secs(2));
    let a = a.start_with(store.clone()).await.unwrap();
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

#[tokio::test]
async fn a_shutdown_releases_and_stops() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    a.shutdown().await.unwrap();
    assert_eq!(*a.status().borrow(), Status::Stopped);
    assert_eq!(a.elected().await, Err(Stopped));
    assert_eq!(a.admit().unwrap_err().reason(), Reason::Stopped);
    assert_eq!(a.leader(), None);
    assert_eq!(a.shutdown().await, Ok(()), "again is harmless");
    assert_eq!(a.step_down().await, Err(ReleaseError::Stopped));
    let record = String::from_utf8(store.get().value.unwrap()).unwrap();
    assert!(record.contains(r#""holder":null"#), "{record}");
}

#[tokio::test]
async fn a_shutdown_while_the_store_is_gone_says_that_the_lease_is_left_to_expire() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    store.set_outage(true);
    let start = clock.now();
    let stopping = tokio::spawn({
        let a = a.clone();
        async move { a.shutdown().await }
    });
    advance_until(&clock, || stopping.is_finished()).await;
    assert_eq!(
        stopping.await.unwrap(),
        Err(ReleaseError::LeftToExpire(LEASE))
    );
    assert!(clock.now().saturating_since(start) <= LEASE / 2);
    assert_eq!(a.shutdown().await, Err(ReleaseError::LeftToExpire(LEASE)));
}

#[tokio::test]
async fn dropping_the_last_clone_releases_in_the_background() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    let b = candidate("b", &clock)
        .start_with(store.clone())
        .await
        .unwrap();
    until(&b, is_follower_of("a")).await;
    let clone = a.clone();
    let admission = a.admit().unwrap();
    let mut status = a.status();
    drop(a);
    assert!(clone.is_leader());
    drop(clone);
    status
        .wait_for(|status| *status == Status::Draining)
        .await
        .unwrap();
    assert!(!b.is_leader(), "admitted work is waited for");
    drop(admission);
    b.elected().await.unwrap();
    assert_eq!(
        *status
            .wait_for(|status| *status == Status::Stopped)
            .await
            .unwrap(),
        Status::Stopped
    );
}

#[tokio::test]
async fn deleting_the_key_ends_the_term_and_the_former_leader_waits_like_anybody() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = candidate("a", &clock)
        .trust_absent_key(false)
        .start_with(store.clone())
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
async fn overwriting_the_key_ends_the_term() {
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
async fn an_observer_knows_who_leads_and_never_campaigns() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let observer = candidate("o", &clock)
        .observe()
        .start_with(store.clone())
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
async fn a_warm_up_is_dropped_when_its_term_ends() {
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
    a.shutdown().await.unwrap();
    assert!(dropped.await.is_err(), "the sender went with the future");
}

/// A store whose reads panic once told to.
struct Panicking(Memory, Arc<std::sync::atomic::AtomicBool>);

impl LeaseStore for Panicking {
    async fn prepare(&self, lease: Duration) -> Result<(), StoreError> {
        self.0.prepare(lease).await
    }

    async fn read(&self) -> Result<Observation, StoreError> {
        self.0.read().await
    }

    fn write(
        &self,
        expected: u64,
        value: Vec<u8>,
    ) -> impl Future<Output = Result<u64, WriteError>> + Send {
        assert!(
            !self.1.load(std::sync::atomic::Ordering::Relaxed),
            "a panic on purpose"
        );
        self.0.write(expected, value)
    }

    async fn watch(&self) -> Result<Watch, StoreError> {
        self.0.watch().await
    }
}

#[tokio::test]
async fn a_panic_in_the_task_shuts_the_gate_and_wakes_every_waiter() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let bomb = Arc::default();
    let panicking = Panicking(store.clone(), Arc::clone(&bomb));
    let a = candidate("a", &clock).start_with(panicking).await.unwrap();
    let term = a.elected().await.unwrap();
    let (mut flag, status) = (a.subscribe(), a.status());
    bomb.store(true, std::sync::atomic::Ordering::Relaxed);
    advance_until(&clock, || !a.is_leader()).await;
    flag.wait_for(|leading| !leading).await.unwrap();
    term.cancellation().cancelled().await;
    assert_eq!(*status.borrow(), Status::Stopped);
    assert_eq!(a.elected().await, Err(Stopped));
    assert_eq!(a.shutdown().await, Err(ReleaseError::LeftToExpire(LEASE)));
}

/// A store whose watches end as `Memory`'s do not: with an error, or never saying anything.
struct Deaf(Memory, bool);

impl LeaseStore for Deaf {
    async fn prepare(&self, lease: Duration) -> Result<(), StoreError> {
        self.0.prepare(lease).await
    }

    async fn read(&self) -> Result<Observation, StoreError> {
        self.0.read().await
    }

    async fn write(&self, expected: u64, value: Vec<u8>) -> Result<u64, WriteError> {
        self.0.write(expected, value).await
    }

    async fn watch(&self) -> Result<Watch, StoreError> {
        if self.1 {
            return Err(StoreError::Disconnected);
        }
        Ok(Box::pin(futures_util::stream::pending()))
    }
}

#[tokio::test]
async fn a_follower_whose_watch_is_silent_or_fails_reads_the_key() {
    for fails in [false, true] {
        let (store, clock) = (Memory::new(), FakeClock::new());
        let a = leader(&store, &clock).await;
        let deaf = candidate("b", &clock)
            .start_with(Deaf(store.clone(), fails))
            .await
            .unwrap();
        until(&deaf, is_follower_of("a")).await;
        let end = clock.now() + LEASE * 2;
        advance_until(&clock, || clock.now() >= end).await;
        assert!(a.is_leader() && !deaf.is_leader(), "it sees the renewals");
        a.shutdown().await.unwrap();
        let released = clock.now();
        advance_until(&clock, || deaf.is_leader()).await;
        assert!(
            clock.now().saturating_since(released) < LEASE / 2,
            "and the release"
        );
    }
}

#[test]
fn a_runtime_that_goes_away_shuts_the_gate() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = runtime.block_on(leader(&store, &clock));
    assert!(a.is_leader());
    drop(runtime);
    assert!(!a.is_leader());
    assert_eq!(a.admit().unwrap_err().reason(), Reason::Stopped);
}

#[tokio::test]
async fn settings_that_contradict_each_other_are_refused_at_the_start() {
    let start = |builder: Builder| builder.start_with(Memory::new());
    let clock = FakeClock::new();
    let error = start(candidate("a", &clock).lease(Duration::from_millis(100)))
        .await
        .unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(
        source.to_string(),
        "`lease` is 100ms: it must lie between 200 ms and 24 h"
    );
    let error = start(candidate("a", &clock).address("no uri"))
        .await
        .unwrap_err();
    assert!(
        std::error::Error::source(&error)
            .unwrap()
            .to_string()
            .starts_with("`address`")
    );
}
