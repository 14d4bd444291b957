//! Stores that panic or whose watch is deaf, and runtimes that go away.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use noleader::{
    Reason, ReleaseError, Status, Stopped,
    clock::FakeClock,
    store::{LeaseStore, Memory, Observation, StoreError, Watch, WriteError},
};

use crate::{
    lines::Lines,
    support::{LEASE, advance_until, candidate, is_follower_of, leader, until},
};

/// A store whose writes panic once told to.
struct Panicking(Memory, Arc<AtomicBool>);

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
        assert!(!self.1.load(Ordering::Relaxed), "a panic on purpose");
        self.0.write(expected, value)
    }

    async fn watch(&self) -> Result<Watch, StoreError> {
        self.0.watch().await
    }
}

#[tokio::test]
async fn a_panic_in_the_task_shuts_the_gate_and_wakes_every_waiter() {
    let (lines, _guard) = Lines::collect();
    let (store, clock) = (Memory::new(), FakeClock::new());
    let bomb = Arc::default();
    let panicking = Panicking(store.clone(), Arc::clone(&bomb));
    let a = candidate("a", &clock).start_with(panicking).await.unwrap();
    let term = a.elected().await.unwrap();
    let (mut flag, status) = (a.subscribe(), a.status());
    bomb.store(true, Ordering::Relaxed);
    advance_until(&clock, || !a.is_leader()).await;
    flag.wait_for(|leading| !leading).await.unwrap();
    term.cancellation().cancelled().await;
    assert_eq!(*status.borrow(), Status::Stopped);
    assert_eq!(a.elected().await, Err(Stopped));
    assert_eq!(a.shutdown().await, Err(ReleaseError::LeftToExpire(LEASE)));
    assert_eq!(a.step_down().await, Err(ReleaseError::Stopped));
    lines.until(&["ERROR", "start a new handle"]).await;
}

/// A store whose watches never say anything, or cannot even be opened.
struct Deaf {
    memory: Memory,
    fails: bool,
    opened: Arc<AtomicUsize>,
}

impl Deaf {
    fn new(memory: &Memory, fails: bool) -> Self {
        Self {
            memory: memory.clone(),
            fails,
            opened: Arc::default(),
        }
    }
}

impl LeaseStore for Deaf {
    async fn prepare(&self, lease: Duration) -> Result<(), StoreError> {
        self.memory.prepare(lease).await
    }

    async fn read(&self) -> Result<Observation, StoreError> {
        self.memory.read().await
    }

    async fn write(&self, expected: u64, value: Vec<u8>) -> Result<u64, WriteError> {
        self.memory.write(expected, value).await
    }

    async fn watch(&self) -> Result<Watch, StoreError> {
        self.opened.fetch_add(1, Ordering::Relaxed);
        if self.fails {
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
            .start_with(Deaf::new(&store, fails))
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

/// Each is a consumer on the server, which has a limit.
#[tokio::test]
async fn a_watch_through_which_nothing_comes_is_not_opened_time_and_again() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let deaf = Deaf::new(&store, false);
    let opened = deaf.opened.clone();
    let a = candidate("a", &clock).lease(Duration::from_millis(200));
    let a = a.start_with(deaf).await.unwrap();
    a.elected().await.unwrap();
    let end = clock.now() + Duration::from_secs(20);
    advance_until(&clock, || clock.now() >= end).await;
    assert!(a.is_leader());
    let opened = opened.load(Ordering::Relaxed);
    assert!((2..10).contains(&opened), "{opened} in 20 s");
}

#[tokio::test]
async fn a_watch_that_cannot_be_opened_is_tried_again_and_again_but_not_in_haste() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let deaf = Deaf::new(&store, true);
    let opened = deaf.opened.clone();
    let _a = candidate("a", &clock).start_with(deaf).await.unwrap();
    let end = clock.now() + LEASE;
    advance_until(&clock, || clock.now() >= end).await;
    let opened = opened.load(Ordering::Relaxed);
    assert!((10..30).contains(&opened), "{opened} in a lease");
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
