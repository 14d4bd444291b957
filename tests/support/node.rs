//! A node in each of its states, on a fake clock and a store in memory.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use noleader::{
    Admission, Builder, LeaderHandle, ReleaseError, Status,
    store::{ElectionName, LeaseStore, Memory, Observation, StoreError, Watch, WriteError},
    test_util::FakeClock,
};
use tokio::{
    sync::oneshot,
    task::{JoinHandle, yield_now},
    time::timeout,
};

pub(crate) const LEASE: Duration = Duration::from_secs(15);
/// What [`soon`] panics with.
pub(crate) const NOTHING_HAPPENED: &str = "nothing happened";
pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) struct Node {
    pub(crate) handle: LeaderHandle,
    pub(crate) clock: FakeClock,
    pub(crate) store: Fragile,
}

impl Node {
    /// A follower that knows no leader: the key is absent, so it waits for one lease.
    pub(crate) async fn follower() -> Self {
        Self::start(|builder| builder).await
    }

    pub(crate) async fn leader() -> Self {
        Self::leading(|builder| builder).await
    }

    /// A leader with additional settings.
    pub(crate) async fn leading(
        describe: impl FnOnce(Builder<Fragile>) -> Builder<Fragile>,
    ) -> Self {
        let node = Self::start(|builder| describe(builder).dangerous_trust_absent_key(true)).await;
        node.until(|status| matches!(status, Status::Leader { .. }))
            .await;
        node
    }

    /// A node in its warm-up, which ends with the result that is sent.
    pub(crate) async fn warming() -> (Self, oneshot::Sender<Result<(), &'static str>>) {
        Self::warming_up(|builder| builder).await
    }

    /// A node in its warm-up, with additional settings.
    pub(crate) async fn warming_up(
        describe: impl FnOnce(Builder<Fragile>) -> Builder<Fragile>,
    ) -> (Self, oneshot::Sender<Result<(), &'static str>>) {
        let (end, ended) = oneshot::channel();
        let ended = Arc::new(std::sync::Mutex::new(Some(ended)));
        let node = Self::start(|builder| {
            describe(builder)
                .dangerous_trust_absent_key(true)
                .warm_up(move |_| {
                    let ended = ended.lock().unwrap().take();
                    async move { ended.expect("warms up once").await.unwrap_or(Ok(())) }
                })
        })
        .await;
        node.until(|status| *status == Status::Warming).await;
        (node, end)
    }

    /// A leader that steps down and waits for an admitted request.
    pub(crate) async fn draining() -> (Self, Admission, JoinHandle<Result<(), ReleaseError>>) {
        let node = Self::leader().await;
        let (admission, stepped_down) = node.drain().await;
        (node, admission, stepped_down)
    }

    /// Starts a step-down that does not end before the admission is dropped.
    pub(crate) async fn drain(&self) -> (Admission, JoinHandle<Result<(), ReleaseError>>) {
        let admission = self.handle.admit().unwrap();
        (admission, self.step_down().await)
    }

    /// A leader whose lease expired during a pause, and whose task has not noticed yet.
    pub(crate) async fn expired() -> Self {
        let node = Self::leader().await;
        node.clock.advance_silently(LEASE);
        let published = node.handle.watch().borrow().clone();
        assert!(matches!(published, Status::Leader { .. }));
        assert!(!node.handle.is_leader());
        node
    }

    pub(crate) async fn stopped() -> Self {
        let node = Self::follower().await;
        soon(node.handle.shutdown()).await.unwrap();
        node
    }

    /// A follower of a leader `x` whose record was forged, with this address.
    pub(crate) async fn follower_of(address: Option<&str>) -> Self {
        let node = Self::follower().await;
        node.sees_leader(address).await;
        node
    }

    /// Writes a record of a leader `x`, and waits until this node follows it.
    pub(crate) async fn sees_leader(&self, address: Option<&str>) {
        let record = serde_json::json!({
            "v": 1, "holder": "x", "session": "y", "address": address,
            "lease_ms": LEASE.as_millis(), "token": 42, "floor": 41, "renewal": 3,
        });
        self.store.memory.overwrite(record.to_string());
        settle().await;
        assert_eq!(self.handle.leader().unwrap().id(), "x");
    }

    /// A node with more settings, in whichever state they lead to.
    pub(crate) async fn start(describe: impl FnOnce(Builder<Fragile>) -> Builder<Fragile>) -> Self {
        Self::join("a", &Fragile::default(), &FakeClock::new(), describe).await
    }

    pub(crate) async fn join(
        id: &str,
        store: &Fragile,
        clock: &FakeClock,
        describe: impl FnOnce(Builder<Fragile>) -> Builder<Fragile>,
    ) -> Self {
        let builder = LeaderHandle::with_store(store.clone())
            .id(id)
            .lease(LEASE)
            .drain_timeout(DRAIN_TIMEOUT)
            .campaign_delay(Duration::ZERO)
            .clock(clock.clone());
        let handle = describe(builder).start().await.unwrap();
        settle().await;
        Self {
            handle,
            clock: clock.clone(),
            store: store.clone(),
        }
    }

    /// Another node with the same key and clock.
    pub(crate) async fn rival(&self) -> Self {
        Self::join("b", &self.store, &self.clock, |builder| builder).await
    }

    /// Waits until the status matches.
    pub(crate) async fn until(&self, wanted: impl FnMut(&Status) -> bool) {
        soon(self.handle.watch().wait_for(wanted)).await.unwrap();
    }

    pub(crate) async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        settle().await;
    }

    /// Lets the lease expire during an outage of the store.
    pub(crate) async fn lose(&self) {
        self.store.memory.set_outage(true);
        self.advance(LEASE).await;
        assert!(!self.handle.is_leader());
    }

    /// Starts a step-down, and returns once the gate has closed.
    pub(crate) async fn step_down(&self) -> JoinHandle<Result<(), ReleaseError>> {
        let handle = self.handle.clone();
        let stepped_down = tokio::spawn(async move { handle.step_down().await });
        settle().await;
        assert!(!self.handle.is_leader());
        stepped_down
    }

    /// Makes the background task panic.
    pub(crate) async fn panic(&self) {
        self.store.panics.store(true, Ordering::SeqCst);
        self.clock.advance(LEASE / 2);
        self.until(|status| *status == Status::Stopped).await;
    }
}

/// Waits for a future that must resolve without the clock moving.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(60), future)
        .await
        .expect(NOTHING_HAPPENED)
}

/// Waits for a spawned step-down or shutdown.
pub(crate) async fn released(stopping: JoinHandle<Result<(), ReleaseError>>) {
    soon(stopping).await.unwrap().unwrap();
}

/// Lets the other tasks of a single-threaded runtime run until all of them wait.
pub(crate) async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

/// A store in memory that can make the background task panic.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fragile {
    pub(crate) memory: Memory,
    panics: Arc<AtomicBool>,
}

impl Fragile {
    fn check(&self) {
        assert!(!self.panics.load(Ordering::SeqCst), "a panic on purpose");
    }
}

impl LeaseStore for Fragile {
    fn name(&self) -> ElectionName {
        self.memory.name()
    }

    async fn prepare(&self, lease: Duration) -> Result<(), StoreError> {
        self.memory.prepare(lease).await
    }

    async fn read(&self) -> Result<Observation, StoreError> {
        self.check();
        self.memory.read().await
    }

    async fn write(&self, expected: u64, value: Vec<u8>) -> Result<u64, WriteError> {
        self.check();
        self.memory.write(expected, value).await
    }

    async fn watch(&self) -> Result<Watch, StoreError> {
        self.memory.watch().await
    }
}
