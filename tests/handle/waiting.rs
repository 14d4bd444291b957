//! Candidates on a custom store that cannot be used yet.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use noleader::{
    ReleaseError, StartError, Status, StopReason,
    store::{ElectionName, LeaseStore, Memory, Observation, StoreError, Watch, WriteError},
    test_util::FakeClock,
};
use tower::{Layer, ServiceExt, service_fn};

use crate::{
    lines::Lines,
    support::{LEASE, advance_until, candidate, settle},
};

type Outcome = Arc<Mutex<fn() -> Result<(), StoreError>>>;

/// A store whose preparation has a chosen outcome. It counts its preparations and its other uses.
#[derive(Clone)]
struct Unready {
    memory: Memory,
    lease: Duration,
    outcome: Outcome,
    prepared: Arc<AtomicUsize>,
    used: Arc<AtomicUsize>,
}

impl Unready {
    fn new(outcome: fn() -> Result<(), StoreError>) -> Self {
        Self {
            memory: Memory::new(),
            lease: LEASE,
            outcome: Arc::new(Mutex::new(outcome)),
            prepared: Arc::default(),
            used: Arc::default(),
        }
    }

    fn becomes(&self, outcome: fn() -> Result<(), StoreError>) {
        *self.outcome.lock().unwrap() = outcome;
    }

    fn prepared(&self) -> usize {
        self.prepared.load(Ordering::Relaxed)
    }

    fn used(&self) {
        self.used.fetch_add(1, Ordering::Relaxed);
    }
}

impl LeaseStore for Unready {
    fn name(&self) -> ElectionName {
        self.memory.name()
    }

    async fn prepare(&self, lease: Duration) -> Result<(), StoreError> {
        assert_eq!(lease, self.lease);
        self.prepared.fetch_add(1, Ordering::Relaxed);
        let outcome = *self.outcome.lock().unwrap();
        outcome()
    }

    async fn read(&self) -> Result<Observation, StoreError> {
        self.used();
        self.memory.read().await
    }

    async fn write(&self, expected: u64, value: Vec<u8>) -> Result<u64, WriteError> {
        self.used();
        self.memory.write(expected, value).await
    }

    async fn watch(&self) -> Result<Watch, StoreError> {
        self.used();
        self.memory.watch().await
    }
}

fn forming() -> Result<(), StoreError> {
    Err(StoreError::Request("forming".into()))
}

fn silent() -> Result<(), StoreError> {
    Err(StoreError::NoAnswer {
        subject: "store.prepare".to_owned(),
        waited: Duration::from_secs(5),
    })
}

fn missing() -> Result<(), StoreError> {
    Err(StoreError::BucketMissing {
        bucket: "orders".to_owned(),
        command: "a command".to_owned(),
    })
}

#[tokio::test]
async fn a_candidate_acts_once_its_store_is_prepared() {
    let (lines, _guard) = Lines::collect();
    let (store, clock) = (Unready::new(forming), FakeClock::new());
    let a = candidate(store.clone(), "a", &clock).start().await.unwrap();
    let end = clock.now() + LEASE;
    advance_until(&clock, || clock.now() >= end).await;
    // The pauses double from a thirtieth to a tenth of the lease, less a jitter.
    let attempts = store.prepared();
    assert!((8..=25).contains(&attempts), "{attempts} in a lease");
    assert_eq!(store.used.load(Ordering::Relaxed), 0);
    assert_eq!(a.status(), Status::Follower { leader: None });
    store.becomes(missing);
    advance_until(&clock, || store.prepared() > attempts + 3).await;
    // Both kinds of errors were logged before.
    store.becomes(forming);
    advance_until(&clock, || store.prepared() > attempts + 6).await;
    store.becomes(|| Ok(()));
    advance_until(&clock, || a.is_leader()).await;
    let attempts = store.prepared();
    let end = clock.now() + LEASE;
    advance_until(&clock, || clock.now() >= end).await;
    assert_eq!(store.prepared(), attempts);
    let waiting = lines.with(&["waiting for the lease store; the gate stays closed"]);
    assert_eq!(waiting.len(), 1, "{lines}");
    assert!(waiting[0].contains("WARN") && waiting[0].contains("forming"));
    let unusable = lines.with(&["ERROR", "the lease store cannot be used; retrying"]);
    assert_eq!(unusable.len(), 1, "{lines}");
}

#[tokio::test]
async fn a_definite_error_fails_the_start() {
    let store = Unready::new(missing);
    let error = candidate(store.clone(), "a", &FakeClock::new())
        .start()
        .await;
    let error = error.unwrap_err();
    assert!(matches!(
        error,
        StartError::Store(StoreError::BucketMissing { .. })
    ));
    assert_eq!(store.prepared(), 1);
}

#[tokio::test]
async fn a_silent_store_has_30_s() {
    let (store, clock) = (Unready::new(silent), FakeClock::new());
    let begun = clock.now();
    let starting = tokio::spawn(candidate(store.clone(), "a", &clock).start());
    advance_until(&clock, || starting.is_finished()).await;
    let took = clock.now().saturating_since(begun).as_secs();
    assert!((30..=32).contains(&took), "{took} s");
    match starting.await.unwrap() {
        Err(StartError::Store(StoreError::NoAnswer { subject, .. })) => {
            assert_eq!(subject, "store.prepare");
        }
        other => panic!("{other:?}"),
    }

    // The start succeeds if the store responds in time, even if it stops responding later.
    let store = Unready::new(silent);
    let starting = tokio::spawn(candidate(store.clone(), "a", &clock).start());
    advance_until(&clock, || store.prepared() > 2).await;
    assert!(!starting.is_finished());
    store.becomes(forming);
    advance_until(&clock, || starting.is_finished()).await;
    let a = starting.await.unwrap().unwrap();
    store.becomes(silent);
    let end = clock.now() + LEASE * 4;
    advance_until(&clock, || clock.now() >= end).await;
    assert_eq!(a.status(), Status::Follower { leader: None });
}

/// A thirtieth of it, the first pause of other retries, is 48 minutes.
#[tokio::test]
async fn a_long_lease_does_not_delay_the_start() {
    let lease = Duration::from_secs(24 * 60 * 60);
    let with = |outcome| Unready {
        lease,
        ..Unready::new(outcome)
    };
    let (store, clock) = (with(silent), FakeClock::new());
    let begun = clock.now();
    let starting = tokio::spawn(candidate(store, "a", &clock).lease(lease).start());
    advance_until(&clock, || starting.is_finished()).await;
    let took = clock.now().saturating_since(begun).as_secs();
    assert!((30..=35).contains(&took), "{took} s");
    assert!(starting.await.unwrap().is_err());

    let store = with(forming);
    let a = candidate(store.clone(), "a", &clock).lease(lease);
    let a = a.start().await.unwrap();
    advance_until(&clock, || store.prepared() > 8).await;
    store.becomes(|| Ok(()));
    let ready = clock.now();
    advance_until(&clock, || a.is_leader()).await;
    let took = clock.now().saturating_since(ready).as_secs();
    assert!(took <= 5, "{took} s");
}

#[tokio::test]
async fn a_closed_store_stops_a_waiting_candidate() {
    let (store, clock) = (Unready::new(forming), FakeClock::new());
    let a = candidate(store.clone(), "a", &clock).start().await.unwrap();
    store.becomes(|| Err(StoreError::Closed));
    advance_until(&clock, || a.status() == Status::Stopped).await;
    assert_eq!(a.stopped().unwrap().reason(), StopReason::ClientClosed);
    assert_eq!(a.shutdown().await, Ok(()));
    assert_eq!(a.step_down().await, Err(ReleaseError::Stopped));
}

/// A shutdown does not wait for the next leader here, because a waiting candidate learns of no leader.
#[tokio::test]
async fn held_request_does_not_delay_a_stop() {
    let a = candidate(Unready::new(forming), "a", &FakeClock::new());
    let a = a.start().await.unwrap();
    let gate = noleader::LeaderOnlyLayer::new(a.clone()).wait_up_to(LEASE * 2);
    let service = gate.layer(service_fn(async |_: http::Request<String>| {
        Ok::<_, std::convert::Infallible>(http::Response::new(String::new()))
    }));
    let request = http::Request::post("/").body(String::new()).unwrap();
    let held = tokio::spawn(service.oneshot(request));
    settle().await;
    assert!(!held.is_finished());
    // The clock stands still.
    assert_eq!(a.shutdown().await, Ok(()));
    assert_eq!(held.await.unwrap().unwrap().status(), 503);
}
