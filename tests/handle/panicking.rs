//! Subscribers of log events and recorders of metrics that panic at every call.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use noleader::{
    LeaderHandle, Status, StopReason,
    store::{ElectionName, LeaseStore, Memory, Observation, StoreError, Watch, WriteError},
    test_util::FakeClock,
};
use tracing::{
    Event, Subscriber, dispatcher,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};

use crate::support::{LEASE, advance_until, candidate, until};

/// Counts its panics.
#[derive(Clone, Default)]
struct Panicking(Arc<AtomicU64>);

impl Panicking {
    fn panic(&self) -> ! {
        self.0.fetch_add(1, Ordering::Relaxed);
        // Without a message from the hook for each.
        std::panic::resume_unwind(Box::new("a panic on purpose"))
    }
}

impl Recorder for Panicking {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        self.panic()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        self.panic()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        self.panic()
    }
}

/// Panics wherever `tracing` calls it for an event or a span.
impl Subscriber for Panicking {
    fn register_callsite(&self, _: &'static tracing::Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        self.panic()
    }

    fn record(&self, _: &Id, _: &Record<'_>) {
        self.panic()
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {
        self.panic()
    }

    fn event(&self, _: &Event<'_>) {
        self.panic()
    }

    fn enter(&self, _: &Id) {
        self.panic()
    }

    fn exit(&self, _: &Id) {
        self.panic()
    }
}

/// Like [`Panicking`], but creates spans.
struct Entered(Panicking);

impl Subscriber for Entered {
    fn register_callsite(&self, _: &'static tracing::Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.0.event(event);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, id: &Id) {
        self.0.exit(id);
    }

    fn try_close(&self, _: Id) -> bool {
        self.0.panic()
    }
}

/// A store whose writes panic once the flag is set.
struct Bomb(Memory, Arc<AtomicBool>);

impl LeaseStore for Bomb {
    fn name(&self) -> ElectionName {
        self.0.name()
    }

    async fn prepare(&self, lease: Duration) -> Result<(), StoreError> {
        self.0.prepare(lease).await
    }

    async fn read(&self) -> Result<Observation, StoreError> {
        self.0.read().await
    }

    async fn write(&self, expected: u64, value: Vec<u8>) -> Result<u64, WriteError> {
        if self.1.load(Ordering::Relaxed) {
            std::panic::resume_unwind(Box::new("a panic on purpose"));
        }
        self.0.write(expected, value).await
    }

    async fn watch(&self) -> Result<Watch, StoreError> {
        self.0.watch().await
    }
}

impl fmt::Debug for Panicking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Panicking")
    }
}

/// An election that leads, hands over and shuts down.
async fn goes_on() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = candidate(store.clone(), "a", &clock).start().await.unwrap();
    a.elected().await.unwrap();
    let end = clock.now() + LEASE * 2;
    advance_until(&clock, || clock.now() >= end).await;
    assert!(a.is_leader(), "it renews");
    let b = candidate(store, "b", &clock).start().await.unwrap();
    a.shutdown().await.unwrap();
    advance_until(&clock, || b.is_leader()).await;
    b.shutdown().await.unwrap();
}

/// The task panics, and the subscriber or the recorder panics while the task unwinds.
async fn ends_in_a_panic() {
    let (clock, bomb) = (FakeClock::new(), Arc::<AtomicBool>::default());
    let store = Bomb(Memory::new(), bomb.clone());
    let a: LeaderHandle = candidate(store, "a", &clock).start().await.unwrap();
    a.elected().await.unwrap();
    bomb.store(true, Ordering::Relaxed);
    advance_until(&clock, || !a.is_leader()).await;
    until(&a, |status| *status == Status::Stopped).await;
    assert_eq!(a.stopped().unwrap().reason(), StopReason::TaskEnded);
}

#[tokio::test]
async fn an_election_survives_a_recorder_that_panics() {
    let recorder = Panicking::default();
    let _here = metrics::set_default_local_recorder(&recorder);
    goes_on().await;
    ends_in_a_panic().await;
    assert!(recorder.0.load(Ordering::Relaxed) > 10);
}

#[tokio::test]
async fn an_election_survives_a_subscriber_that_panics() {
    let counted = Panicking::default();
    for subscriber in [
        dispatcher::Dispatch::new(counted.clone()),
        dispatcher::Dispatch::new(Entered(counted.clone())),
    ] {
        let before = counted.0.load(Ordering::Relaxed);
        let _here = dispatcher::set_default(&subscriber);
        goes_on().await;
        ends_in_a_panic().await;
        assert!(counted.0.load(Ordering::Relaxed) > before + 10);
    }
}
