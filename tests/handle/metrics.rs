//! Metrics.

use metrics::Unit;
use noleader::{
    Status,
    store::{ElectionName, Memory},
    test_util::FakeClock,
};

use crate::{
    measured::{self, Measured},
    support::{LEASE, advance_until, candidate, leader, settle},
};

fn key(name: &str) -> metrics::Key {
    measured::key(name, &[("bucket", "orders"), ("key", "writer")])
}

fn store() -> Memory {
    Memory::named(ElectionName::new("orders", "writer"))
}

fn other_store() -> Memory {
    Memory::named(ElectionName::new("orders", "other"))
}

#[tokio::test]
async fn every_series_starts_at_zero() {
    let measured = Measured::new();
    let _here = metrics::set_default_local_recorder(&measured);
    let observer = candidate(store(), "o", &FakeClock::new()).observe();
    let _observer = observer.start().await.unwrap();
    assert_eq!(measured.gauge(&key("noleader_is_leader")), Some(0.0));
    for name in ["terms", "terms_lost", "renewals", "store_failures"] {
        let name = format!("noleader_{name}_total");
        assert_eq!(measured.counter(&key(&name)), Some(0), "{name}");
        assert_eq!(measured.unit(&name), Some(Unit::Count), "{name}");
    }
}

/// An application may start its elections before it installs an exporter.
#[tokio::test]
async fn a_recorder_installed_late_gets_every_series() {
    let (store, clock) = (store(), FakeClock::new());
    let a = candidate(store.clone(), "a", &clock).start().await.unwrap();
    let token = u64::from(a.elected().await.unwrap().token());
    let never_led = candidate(other_store(), "o", &clock).observe();
    let _never_led = never_led.start().await.unwrap();
    settle().await;
    let measured = Measured::new();
    let _here = metrics::set_default_local_recorder(&measured);
    let end = clock.now() + LEASE;
    advance_until(&clock, || clock.now() >= end).await;
    let token = f64::from(u32::try_from(token).unwrap());
    assert_eq!(measured.gauge(&key("noleader_is_leader")), Some(1.0));
    assert_eq!(measured.gauge(&key("noleader_token")), Some(token));
    assert_eq!(measured.counter(&key("noleader_terms_lost_total")), Some(0));
    let other = measured::key(
        "noleader_is_leader",
        &[("bucket", "orders"), ("key", "other")],
    );
    assert_eq!(measured.gauge(&other), Some(0.0));
}

#[tokio::test]
async fn a_second_handle_leaves_the_leaders_gauge_alone() {
    let measured = Measured::new();
    let _here = metrics::set_default_local_recorder(&measured);
    let (store, clock) = (store(), FakeClock::new());
    let a = leader(&store, &clock).await;
    let observer = candidate(store, "o", &clock).observe();
    let _observer = observer.start().await.unwrap();
    assert!(a.is_leader());
    assert_eq!(measured.gauge(&key("noleader_is_leader")), Some(1.0));
}

#[tokio::test]
async fn a_released_term_is_counted() {
    let measured = Measured::new();
    let _here = metrics::set_default_local_recorder(&measured);
    let (store, clock) = (store(), FakeClock::new());
    let a = leader(&store, &clock).await;
    let token = u64::from(a.term().unwrap().token());
    assert_eq!(measured.gauge(&key("noleader_is_leader")), Some(1.0));
    assert_eq!(
        measured.gauge(&key("noleader_token")),
        Some(f64::from(u32::try_from(token).unwrap()))
    );
    assert_eq!(measured.counter(&key("noleader_terms_total")), Some(1));

    let end = clock.now() + LEASE;
    advance_until(&clock, || clock.now() >= end).await;
    let renewals = measured.counter(&key("noleader_renewals_total")).unwrap();
    assert!((2..=5).contains(&renewals), "{renewals} in a lease");

    let admission = a.admit().unwrap();
    let stopping = tokio::spawn(async move { a.shutdown().await });
    while measured.gauge(&key("noleader_is_leader")) != Some(0.0) {
        tokio::task::yield_now().await;
    }
    assert!(!stopping.is_finished(), "the drain has not ended");
    drop(admission);
    stopping.await.unwrap().unwrap();
    assert_eq!(measured.gauge(&key("noleader_is_leader")), Some(0.0));
    assert_eq!(measured.counter(&key("noleader_terms_lost_total")), Some(0));
    assert_eq!(
        measured.counter(&key("noleader_store_failures_total")),
        Some(0)
    );
}

#[tokio::test]
async fn a_lost_term_is_counted() {
    let measured = Measured::new();
    let _here = metrics::set_default_local_recorder(&measured);
    let (store, clock) = (store(), FakeClock::new());
    let a = leader(&store, &clock).await;
    store.set_outage(true);
    advance_until(&clock, || matches!(a.status(), Status::Follower { .. })).await;
    assert_eq!(measured.gauge(&key("noleader_is_leader")), Some(0.0));
    assert_eq!(measured.counter(&key("noleader_terms_lost_total")), Some(1));
    let failures = measured
        .counter(&key("noleader_store_failures_total"))
        .unwrap();
    assert!(failures >= 2, "{failures} in a lease");

    store.set_outage(false);
    advance_until(&clock, || a.is_leader()).await;
    assert_eq!(measured.gauge(&key("noleader_is_leader")), Some(1.0));
    assert_eq!(measured.counter(&key("noleader_terms_total")), Some(2));
}
