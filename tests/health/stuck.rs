//! A background task whose thread is blocked in the middle of a step.

use std::{
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use http::Request;
use noleader::{
    LeaderHandle, Status,
    lease::Observation,
    store::{ElectionName, LeaseStore, Memory, StoreError, Watch, WriteError},
    test_util::FakeClock,
};
use tokio::sync::watch;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tower::ServiceExt;

use crate::node::{LEASE, soon};

/// A store in memory whose writes block their thread while it is shut.
#[derive(Clone, Default)]
struct Blocking {
    memory: Memory,
    shut: Arc<(Mutex<bool>, Condvar)>,
    /// Whether a write is blocked.
    blocked: watch::Sender<bool>,
}

impl Blocking {
    fn shut(&self, shut: bool) {
        *self.shut.0.lock().unwrap() = shut;
        self.shut.1.notify_all();
    }

    fn pass(&self) {
        let (shut, opened) = &*self.shut;
        let guard = shut.lock().unwrap();
        self.blocked.send_replace(*guard);
        drop(opened.wait_while(guard, |shut| *shut).unwrap());
        self.blocked.send_replace(false);
    }
}

impl LeaseStore for Blocking {
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
        self.pass();
        self.memory.write(expected, value).await
    }

    async fn watch(&self) -> Result<Watch, StoreError> {
        self.memory.watch().await
    }
}

/// A leader whose task is blocked in a renewal.
struct Stuck {
    handle: LeaderHandle,
    clock: FakeClock,
    store: Blocking,
}

impl Stuck {
    async fn start() -> Self {
        let (store, clock) = (Blocking::default(), FakeClock::new());
        let handle = LeaderHandle::with_store(store.clone())
            .lease(LEASE)
            .dangerous_trust_absent_key(true)
            .campaign_delay(Duration::ZERO)
            .clock(clock.clone())
            .start()
            .await
            .unwrap();
        soon(handle.elected()).await.unwrap();
        store.shut(true);
        let mut blocked = store.blocked.subscribe();
        clock.advance(LEASE / 2);
        soon(blocked.wait_for(|blocked| *blocked)).await.unwrap();
        drop(blocked);
        Self {
            handle,
            clock,
            store,
        }
    }

    async fn codes(&self) -> (u16, u16) {
        let (health, liveness) = (self.handle.health(), self.handle.liveness());
        let health = health.oneshot(Request::new(())).await.unwrap();
        let liveness = liveness.oneshot(Request::new(())).await.unwrap();
        (health.status().as_u16(), liveness.status().as_u16())
    }
}

/// A failed test must not leave a blocked thread behind, which would keep the test process running.
impl Drop for Stuck {
    fn drop(&mut self) {
        self.store.shut(false);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocked_task_is_detected_and_recovers() {
    let node = Stuck::start().await;
    let term = node.handle.term().unwrap();
    assert_eq!(node.codes().await, (200, 200));
    node.clock.advance(LEASE);
    assert_eq!(node.codes().await, (503, 200));
    node.clock.advance(LEASE);
    assert_eq!(node.codes().await, (503, 503));
    node.store.shut(false);
    let next = soon(node.handle.elected()).await.unwrap();
    assert!(next.token() > term.token());
    assert_eq!(node.codes().await, (200, 200));
}

/// The gate closes at its deadline without the task, so the watch must see the end without the task as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watch_sees_expiry_under_a_blocked_task() {
    let node = Stuck::start().await;
    let mut client = HealthClient::new(node.handle.grpc_health([]));
    let watch = client.watch(HealthCheckRequest::default()).await.unwrap();
    let mut watch = watch.into_inner();
    let mut next = async || soon(watch.message()).await.unwrap().unwrap().status();
    assert_eq!(next().await, ServingStatus::Serving);
    node.clock.advance(LEASE);
    assert_eq!(next().await, ServingStatus::NotServing);
    let published = node.handle.watch().borrow().clone();
    assert!(matches!(published, Status::Leader { .. }));
    assert!(matches!(node.handle.status(), Status::Follower { .. }));
}
