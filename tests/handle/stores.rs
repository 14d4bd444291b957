//! Stores that panic, stores with faulty watches, and runtimes that end.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream};
use noleader::{
    Reason, ReleaseError, Status, Stopped,
    store::{ElectionName, Epoch, LeaseStore, Memory, Observation, StoreError, Watch, WriteError},
    test_util::FakeClock,
};

use crate::{
    lines::Lines,
    support::{LEASE, advance_until, candidate, is_follower_of, leader, until},
};

/// A store whose writes panic once the flag is set.
struct Panicking(Memory, Arc<AtomicBool>);

impl LeaseStore for Panicking {
    fn name(&self) -> ElectionName {
        self.0.name()
    }

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
async fn a_panic_closes_the_gate_and_wakes_waiters() {
    let (lines, _guard) = Lines::collect();
    let (store, clock) = (Memory::new(), FakeClock::new());
    let bomb = Arc::default();
    let panicking = Panicking(store.clone(), Arc::clone(&bomb));
    let a = candidate(panicking, "a", &clock).start().await.unwrap();
    let term = a.elected().await.unwrap();
    let (mut flag, status) = (a.subscribe(), a.watch());
    bomb.store(true, Ordering::Relaxed);
    advance_until(&clock, || !a.is_leader()).await;
    flag.wait_for(|leading| !leading).await.unwrap();
    term.cancellation().cancelled().await;
    assert_eq!(*status.borrow(), Status::Stopped);
    assert!(matches!(a.elected().await, Err(Stopped { .. })));
    assert_eq!(a.shutdown().await, Err(ReleaseError::LeftToExpire(LEASE)));
    assert_eq!(a.step_down().await, Err(ReleaseError::Stopped));
    lines.until(&["ERROR", "ended unexpectedly"]).await;
}

/// What the watches of a store deliver.
#[derive(Clone, Copy, PartialEq)]
enum Delivers {
    All,
    /// The current content, and no change after it.
    TheFirst,
    Nothing,
    /// All. Each watch is of a newer bucket, and ends after one push.
    Recreated,
    /// The watches fail to open.
    Disconnected,
    Refused,
}

/// A store with such watches.
struct Faulty {
    memory: Memory,
    delivers: Delivers,
    opened: Arc<AtomicUsize>,
}

impl Faulty {
    fn new(memory: &Memory, delivers: Delivers) -> Self {
        Self {
            memory: memory.clone(),
            delivers,
            opened: Arc::default(),
        }
    }
}

impl LeaseStore for Faulty {
    fn name(&self) -> ElectionName {
        self.memory.name()
    }

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
        match self.delivers {
            Delivers::All => self.memory.watch().await,
            Delivers::TheFirst => {
                let all = self.memory.watch().await?;
                Ok(Watch::new(
                    all.epoch(),
                    all.take(1).chain(stream::pending()),
                ))
            }
            Delivers::Recreated => {
                let created_at = self.opened.load(Ordering::Relaxed) as u64;
                let all = self.memory.watch().await?;
                Ok(Watch::new(Epoch::new(created_at), all.take(1)))
            }
            Delivers::Nothing => Ok(Watch::new(Epoch::ONLY, stream::pending())),
            Delivers::Disconnected => Err(StoreError::Disconnected),
            Delivers::Refused => Err(StoreError::JetStreamDisabled("a refusal on purpose".into())),
        }
    }
}

#[tokio::test]
async fn a_follower_without_a_watch_polls_the_key() {
    for delivers in [Delivers::Nothing, Delivers::Disconnected] {
        let (store, clock) = (Memory::new(), FakeClock::new());
        let a = leader(&store, &clock).await;
        let faulty = candidate(Faulty::new(&store, delivers), "b", &clock)
            .start()
            .await
            .unwrap();
        until(&faulty, is_follower_of("a")).await;
        let end = clock.now() + LEASE * 2;
        advance_until(&clock, || clock.now() >= end).await;
        assert!(a.is_leader() && !faulty.is_leader(), "it sees the renewals");
        a.shutdown().await.unwrap();
        let released = clock.now();
        advance_until(&clock, || faulty.is_leader()).await;
        assert!(
            clock.now().saturating_since(released) < LEASE / 2,
            "and the release"
        );
    }
}

#[tokio::test]
async fn another_bucket_ends_a_term() {
    let (lines, _guard) = Lines::collect();
    let (store, clock) = (Memory::new(), FakeClock::new());
    let faulty = Faulty::new(&store, Delivers::Recreated);
    let a = candidate(faulty, "a", &clock).start().await.unwrap();
    let term = a.elected().await.unwrap();
    advance_until(&clock, || !term.is_current()).await;
    lines
        .until(&["ERROR", "lost the lease: its bucket was recreated"])
        .await;
    lines
        .until(&["ERROR", "the bucket was deleted and recreated"])
        .await;
}

/// The release may have been replaced by a write that the store has lost.
#[tokio::test]
async fn lossy_store_waits_after_a_first_release() {
    for lossy in [false, true] {
        let (store, clock) = (Memory::new(), FakeClock::new());
        let a = leader(&store, &clock).await;
        a.shutdown().await.unwrap();
        let start = clock.now();
        let b = candidate(store, "b", &clock).lossy_store(lossy);
        let b = b.start().await.unwrap();
        advance_until(&clock, || b.is_leader()).await;
        let waited = clock.now().saturating_since(start);
        assert_eq!(waited >= LEASE, lossy, "{waited:?}");
    }
}

/// Runs a leader with such watches for `time`, and returns the number of watches that it opened.
async fn opened(delivers: Delivers, lease: Duration, time: Duration) -> usize {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let faulty = Faulty::new(&store, delivers);
    let opened = faulty.opened.clone();
    let a = candidate(faulty, "a", &clock).lease(lease);
    let a = a.start().await.unwrap();
    a.elected().await.unwrap();
    let end = clock.now() + time;
    advance_until(&clock, || clock.now() >= end).await;
    assert!(a.is_leader());
    opened.load(Ordering::Relaxed)
}

/// Each watch is a consumer, and the server limits their number.
#[tokio::test]
async fn a_silent_watch_is_reopened_after_a_pause() {
    let (lines, _guard) = Lines::collect();
    let time = Duration::from_secs(20);
    let opened = opened(Delivers::Nothing, Duration::from_millis(200), time).await;
    assert!((2..10).contains(&opened), "{opened} in 20 s");
    let logged = lines.with(&["WARN", "could not watch the key", "delivered nothing"]);
    assert_eq!(logged.len(), 1, "{lines}");
}

#[tokio::test]
async fn a_watch_that_falls_behind_is_replaced() {
    let (lines, _guard) = Lines::collect();
    assert_eq!(opened(Delivers::All, LEASE, LEASE * 4).await, 1);
    // Three renewals in each lease.
    let replaced = opened(Delivers::TheFirst, LEASE, LEASE * 4).await;
    assert!((3..=7).contains(&replaced), "{replaced} in four leases");
    assert_eq!(lines.with(&["could not watch the key"]), [""; 0]);
}

#[tokio::test]
async fn a_current_watch_is_kept() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    // On a clock that stands still, so that it does not renew.
    let _a = leader(&store, &FakeClock::new()).await;
    let good = Faulty::new(&store, Delivers::All);
    let opened = good.opened.clone();
    let observer = candidate(good, "b", &clock).observe();
    let observer = observer.start().await.unwrap();
    until(&observer, is_follower_of("a")).await;
    let end = clock.now() + LEASE * 4;
    advance_until(&clock, || clock.now() >= end).await;
    assert_eq!(opened.load(Ordering::Relaxed), 1);
}

/// Two acknowledgements can arrive before the first push.
#[tokio::test]
async fn a_briefly_late_watch_is_kept() {
    let (lines, _guard) = Lines::collect();
    let (store, clock) = (Memory::new(), FakeClock::new());
    let late = Faulty::new(&store, Delivers::Nothing);
    let opened = late.opened.clone();
    store.set_outage(true);
    let a = candidate(late, "a", &clock).start().await.unwrap();
    // The watch is open before the first write.
    advance_until(&clock, || opened.load(Ordering::Relaxed) == 1).await;
    store.set_outage(false);
    advance_until(&clock, || a.is_leader()).await;
    a.step_down().await.unwrap();
    assert_eq!(lines.with(&["could not watch the key"]), [""; 0]);
}

#[tokio::test]
async fn a_refused_watch_is_logged_once() {
    let (lines, _guard) = Lines::collect();
    let opened = opened(Delivers::Refused, LEASE, LEASE).await;
    // The pauses double from a twentieth of the lease, up to 5 s.
    assert!((4..10).contains(&opened), "{opened} in a lease");
    let logged = lines.with(&["WARN", "could not watch the key", "a refusal on purpose"]);
    assert_eq!(logged.len(), 1, "{lines}");
}

#[test]
fn the_end_of_the_runtime_closes_the_gate() {
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
