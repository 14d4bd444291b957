//! One node in each state that it can be in.

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
    /// A follower without a leader: it waits for a lease, as the key is absent.
    pub(crate) async fn follower() -> Self {
        Self::start(|builder| builder).await
    }

    pub(crate) async fn leader() -> Self {
        Self::leading(|builder| builder).await
    }

    /// A leader with more settings.
    pub(crate) async fn leading(
        describe: impl FnOnce(Builder<Fragile>) -> Builder<Fragile>,
    ) -> Self {
        let node = Self::start(|builder| describe(builder).dangerous_trust_absent_key(true)).await;
        node.until(|status| matches!(status, Status::Leader { .. }))
            .await;
        node
    }

    /// A node in its warm-up, which ends with what is sent.
    pub(crate) async fn warming() -> (Self, oneshot::Sender<Result<(), &'static str>>) {
        Self::warming_up(|builder| builder).await
    }

    /// A node in its warm-up, with more settings.
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

    /// A former leader that waits for an admitted request before it releases.
    pub(crate) async fn draining() -> (Self, Admission, JoinHandle<Result<(), ReleaseError>>) {
        let node = Self::leader().await;
        let (admission, stepped_down) = node.drain().await;
        (node, admission, stepped_down)
    }

    /// Begins to step down, and does not come to an end before the admission is dropped.
    pub(crate) async fn drain(&self) -> (Admission, JoinHandle<Result<(), ReleaseError>>) {
        let admission = self.handle.admit().unwrap();
        (admission, self.step_down().await)
    }

    /// A leader whose lease has run out while it was paused: it does not know yet.
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

    /// A follower of a leader `x` whose record was written by hand, as anybody with access to the bucket
    /// may.
    pub(crate) async fn follower_of(address: Option<&str>) -> Self {
        let node = Self::follower().await;
        node.sees_leader(address).await;
        node
    }

    /// Writes the record of a leader `x`.
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

    /// Another node on the same key, and on the same clock.
    pub(crate) async fn rival(&self) -> Self {
        Self::join("b", &self.store, &self.clock, |builder| builder).await
    }

    /// Waits until the status is as wanted.
    pub(crate) async fn until(&self, wanted: impl FnMut(&Status) -> bool) {
        soon(self.handle.watch().wait_for(wanted)).await.unwrap();
    }

    pub(crate) async fn advance(&self, by: Duration) {
        self.clock.advance(by);
        settle().await;
    }

    /// The lease runs out, as the store is not there to renew it.
    pub(crate) async fn lose(&self) {
        self.store.memory.set_outage(true);
        self.advance(LEASE).await;
        assert!(!self.handle.is_leader());
    }

    /// Begins to step down, and returns once the gate has shut.
    pub(crate) async fn step_down(&self) -> JoinHandle<Result<(), ReleaseError>> {
        let handle = self.handle.clone();
        let stepped_down = tokio::spawn(async move { handle.step_down().await });
        settle().await;
        assert!(!self.handle.is_leader());
        stepped_down
    }

    /// The background task panics at its next step.
    pub(crate) async fn panic(&self) {
        self.store.panics.store(true, Ordering::SeqCst);
        self.clock.advance(LEASE / 2);
        self.until(|status| *status == Status::Stopped).await;
    }
}

/// Waits for a future that is to resolve without any time passing.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(60), future)
        .await
        .expect(NOTHING_HAPPENED)
}

/// Waits for a step-down or a shutdown that was spawned.
pub(crate) async fn released(stopping: JoinHandle<Result<(), ReleaseError>>) {
    soon(stopping).await.unwrap().unwrap();
}

/// Lets the other tasks of a single-threaded runtime do all that they can.
pub(crate) async fn settle() {
    for _ in 0..200 {
        yield_now().await;
    }
}

/// A store in memory under which the background task can be made to panic.
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
