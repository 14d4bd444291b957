//! A process that is paused, that has much to do, or whose client is closed.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use noleader::{
    Shards, StopReason,
    lease::Readings,
    shards::{
        Journal,
        protocol::{Action, Input, Key},
    },
    store::{
        BucketWatch, ElectionName, MemoryShards, Observation, ShardStore, StoreError, WriteError,
    },
    test_util::{FakeClock, Moment},
};

use crate::support::advance_until;

/// What happens to the process, and what was seen of it.
#[derive(Clone, Debug)]
struct Process {
    clock: FakeClock,
    /// When the last input was received.
    received_at: Arc<Mutex<Moment>>,
    /// Pauses before the next claim is performed.
    pauses: Arc<AtomicBool>,
    /// How long each write of a shard takes of the processor.
    write_takes: Duration,
    /// The writes that were sent later than this after their input.
    send_within: Duration,
    late: Arc<AtomicUsize>,
    sessions: Arc<AtomicUsize>,
    is_closed: Arc<AtomicBool>,
}

#[derive(Clone, Debug)]
struct Store(MemoryShards, Process);

impl Process {
    fn new(send_within: Duration) -> Self {
        let clock = FakeClock::new();
        Self {
            received_at: Arc::new(Mutex::new(clock.now())),
            clock,
            pauses: Arc::default(),
            write_takes: Duration::ZERO,
            send_within,
            late: Arc::default(),
            sessions: Arc::default(),
            is_closed: Arc::default(),
        }
    }

    async fn start(&self, store: &MemoryShards, shards: u32, lease: Duration) -> Shards {
        let this = self.clone();
        Shards::with_store(Store(store.clone(), self.clone()), shards)
            .id("a")
            .lease(lease)
            .clock(self.clock.clone())
            .journal(move || this.clone())
            .start()
            .await
            .unwrap()
    }
}

impl Journal for Process {
    fn received(&mut self, readings: Readings, _: &Input) {
        *self.received_at.lock().unwrap() = readings.now;
    }

    fn performs(&mut self, action: &Action) {
        match action {
            Action::Write {
                key: Key::Shard(_), ..
            } if self.pauses.swap(false, SeqCst) => self.clock.advance_silently(self.send_within),
            Action::Begin { .. } => drop(self.sessions.fetch_add(1, SeqCst)),
            _ => {}
        }
    }
}

impl ShardStore for Store {
    fn name(&self) -> ElectionName {
        self.0.name()
    }

    async fn prepare(&self, lease: Duration) -> Result<(), StoreError> {
        match self.1.is_closed.load(SeqCst) {
            true => Err(StoreError::Closed),
            false => self.0.prepare(lease).await,
        }
    }

    async fn read(&self, key: &str) -> Result<Observation, StoreError> {
        self.0.read(key).await
    }

    async fn write(
        &self,
        key: &str,
        expected: u64,
        value: Vec<u8>,
        removed_after: Option<Duration>,
    ) -> Result<u64, WriteError> {
        let process = &self.1;
        let received_at = *process.received_at.lock().unwrap();
        if process.clock.now() >= received_at + process.send_within {
            process.late.fetch_add(1, SeqCst);
        }
        if key.starts_with("o.") {
            process.clock.advance(process.write_takes);
        }
        self.0.write(key, expected, value, removed_after).await
    }

    async fn watch(&self, after: u64) -> Result<BucketWatch, StoreError> {
        self.0.watch(after).await
    }
}

#[tokio::test]
async fn a_write_is_not_sent_after_a_pause() {
    let lease = Duration::from_secs(15);
    let process = Process::new(lease / 6);
    process.pauses.store(true, SeqCst);
    let node = process.start(&MemoryShards::new(), 1, lease).await;
    advance_until(&process.clock, || node.owned().len() == 1).await;
    assert!(!process.pauses.load(SeqCst), "it was not paused");
    assert_eq!(process.late.load(SeqCst), 0);
}

#[tokio::test]
async fn many_claims_do_not_delay_the_watch() {
    let lease = Duration::from_secs(2);
    let mut process = Process::new(lease);
    process.write_takes = Duration::from_micros(500);
    let node = process.start(&MemoryShards::new(), 8_000, lease).await;
    let sessions = || process.sessions.load(SeqCst);
    let all = || node.owned().len() == 8_000 || sessions() > 1;
    advance_until(&process.clock, all).await;
    assert_eq!(sessions(), 1, "it lost its session");
}

#[tokio::test]
async fn a_closed_client_ends_a_node_without_a_session() {
    let (store, lease) = (MemoryShards::new(), Duration::from_secs(2));
    let process = Process::new(lease);
    let node = process.start(&store, 1, lease).await;
    advance_until(&process.clock, || node.owned().len() == 1).await;
    // A node without a session sends no requests but those that prepare the store.
    process.is_closed.store(true, SeqCst);
    store.delete("cfg");
    advance_until(&process.clock, || node.stopped().is_some()).await;
    assert_eq!(node.stopped().unwrap().reason(), StopReason::ClientClosed);
}
