//! Shutdowns, and drops of the last handle.

use http::{Request, StatusCode};
use noleader::{
    LeaderHandle, LeaderInfo, Reason, ReleaseError, Status, Stopped, lease::Record, store::Memory,
    test_util::FakeClock,
};
use tokio::task::JoinHandle;
use tower::ServiceExt;

use crate::support::{LEASE, advance_until, candidate, is_follower_of, leader, lost, until};

#[tokio::test]
async fn a_shutdown_releases_and_stops() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    assert_eq!(alive(&a).await, StatusCode::OK);
    a.shutdown().await.unwrap();
    assert_eq!(a.status(), Status::Stopped);
    assert_eq!(alive(&a).await, StatusCode::SERVICE_UNAVAILABLE);
    assert!(matches!(a.elected().await, Err(Stopped { .. })));
    assert_eq!(a.admit().unwrap_err().reason(), Reason::Stopped);
    assert_eq!(a.leader(), None);
    assert_eq!(a.shutdown().await, Ok(()), "a second call is harmless");
    assert_eq!(a.step_down().await, Err(ReleaseError::Stopped));
    let record = String::from_utf8(store.get().value().unwrap().to_vec()).unwrap();
    assert!(record.contains(r#""holder":null"#), "{record}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_returns_after_the_status_is_published() {
    for _ in 0..300 {
        let a = leader(&Memory::new(), &FakeClock::new()).await;
        a.shutdown().await.unwrap();
        assert_eq!(a.status(), Status::Stopped);
    }
}

#[tokio::test]
async fn a_shutdown_during_an_outage_returns_an_error() {
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
    let b = candidate(store.clone(), "b", &clock).start().await.unwrap();
    until(&b, is_follower_of("a")).await;
    let clone = a.clone();
    let admission = a.admit().unwrap();
    let mut status = a.watch();
    drop(a);
    assert!(clone.is_leader());
    drop(clone);
    status
        .wait_for(|status| *status == Status::Draining)
        .await
        .unwrap();
    assert!(!b.is_leader(), "work is in progress");
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

/// The node lost its first term with a request in progress, and shuts down while it holds the second.
#[tokio::test]
async fn a_shutdown_waits_for_requests_of_earlier_terms() {
    let (store, clock, a, admission) = lost().await;
    store.set_outage(false);
    advance_until(&clock, || a.is_leader()).await;
    assert!(a.term().unwrap().token() > admission.term().token());
    let stopping = begin_delayed_shutdown(&a).await;
    drop(admission);
    stopping.await.unwrap().unwrap();
    assert!(is_released(&store));
}

/// The node holds no term, and releases the record of its lost term.
#[tokio::test]
async fn a_shutdown_without_a_term_waits_for_requests() {
    let (store, clock, a, admission) = lost().await;
    let stopping = begin_delayed_shutdown(&a).await;
    store.set_outage(false);
    drop(admission);
    advance_until(&clock, || stopping.is_finished()).await;
    stopping.await.unwrap().unwrap();
    assert!(is_released(&store));
}

/// The node has lost its term and another node leads, so there is nothing to release.
#[tokio::test]
async fn an_overtaken_node_waits_for_its_requests() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    let admission = a.admit().unwrap();
    let record = Record::acquiring(
        "b",
        "elsewhere",
        None,
        LEASE,
        admission.term().token().into(),
    );
    store.overwrite(record.encode());
    until(&a, is_follower_of("b")).await;
    let handle = a.clone();
    let stopping = tokio::spawn(async move { handle.shutdown().await });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!stopping.is_finished(), "a request is inside");
    // New requests can be sent to the new leader meanwhile.
    let refused = a.admit().unwrap_err();
    assert_eq!(refused.reason(), Reason::NotLeader);
    assert_eq!(refused.leader().map(LeaderInfo::id), Some("b"));
    drop(admission);
    stopping.await.unwrap().unwrap();
    assert_eq!(store.get().value(), Some(&*record.encode()));
}

#[tokio::test]
async fn a_shutdown_outlasts_the_lease() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = candidate(store.clone(), "a", &clock).drain_timeout(3 * LEASE);
    let a = a.start().await.unwrap();
    a.elected().await.unwrap();
    let admission = a.admit().unwrap();
    let ended = a.term().unwrap();
    let stopping = begin_delayed_shutdown(&a).await;
    store.set_outage(true);
    advance_until(&clock, || !ended.is_current()).await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(a.status(), Status::Draining);
    assert!(!stopping.is_finished(), "a request is inside");
    store.set_outage(false);
    drop(admission);
    advance_until(&clock, || stopping.is_finished()).await;
    stopping.await.unwrap().unwrap();
    assert!(is_released(&store));
}

async fn begin_delayed_shutdown(a: &LeaderHandle) -> JoinHandle<Result<(), ReleaseError>> {
    let handle = a.clone();
    let stopping = tokio::spawn(async move { handle.shutdown().await });
    let asked = until(a, |status| {
        !matches!(status, Status::Follower { .. } | Status::Leader { .. })
    })
    .await;
    assert_eq!(asked, Status::Draining);
    assert_eq!(a.draining(), 1);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!stopping.is_finished(), "a request is inside");
    stopping
}

async fn alive(a: &LeaderHandle) -> StatusCode {
    let response = a.liveness().oneshot(Request::new(())).await.unwrap();
    response.status()
}

fn is_released(store: &Memory) -> bool {
    let record = String::from_utf8(store.get().value().unwrap().to_vec()).unwrap();
    record.contains(r#""holder":null"#)
}
