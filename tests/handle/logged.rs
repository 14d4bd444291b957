//! What an operator reads in the log.

use noleader::{Status, clock::FakeClock, store::Memory};

use crate::{
    lines::Lines,
    support::{LEASE, advance_until, candidate, leader, until},
};

#[tokio::test]
async fn a_term_is_told_from_its_beginning_to_its_end() {
    let (lines, _guard) = Lines::collect();
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    let token = format!("token={}", a.term().unwrap().token());
    let end = clock.now() + LEASE;
    advance_until(&clock, || clock.now() >= end).await;
    a.step_down().await.unwrap();
    let told = [
        "INFO won the election",
        "INFO leading",
        "TRACE renewed the lease",
        "INFO handing over: the gate is shut, admitted requests finish",
        "INFO no longer leading",
        "DEBUG the lease is released",
    ];
    let mut last = 0;
    for line in told {
        let (level, message) = line.split_once(' ').unwrap();
        lines.until(&[level, message]).await;
        let at = lines.to_string().find(message).unwrap();
        assert!(at >= last, "in this order:\n{lines}");
        last = at;
    }
    for message in ["won the election", "leading", "handing over", "no longer"] {
        assert_ne!(lines.with(&[message, &token]), [""; 0], "{lines}");
    }
}

#[tokio::test]
async fn the_first_failure_of_a_series_is_told_and_its_end() {
    let (lines, _guard) = Lines::collect();
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    store.set_outage(true);
    advance_until(&clock, || !a.is_leader()).await;
    until(&a, |status| matches!(status, Status::Follower { .. })).await;
    store.set_outage(false);
    advance_until(&clock, || a.is_leader()).await;

    let expired = "lost the lease: no renewal was acknowledged before its deadline";
    assert_eq!(lines.with(&["WARN", expired]).len(), 1, "{lines}");
    let failed = lines.with(&["WARN", "the lease's store failed; trying again"]);
    assert_eq!(failed.len(), 1, "{lines}");
    let again = lines.with(&["DEBUG", "the lease's store failed again"]);
    assert!(!again.is_empty(), "{lines}");
    let end = lines.with(&["the lease's store answers again"]);
    assert_eq!(end.len(), 1, "{lines}");
    let failures = format!("failures={}", 1 + again.len());
    assert!(
        end[0].contains("INFO") && end[0].contains(&failures),
        "{lines}"
    );
}

#[tokio::test]
async fn a_term_that_somebody_ends_is_told_with_the_reason() {
    let (lines, _guard) = Lines::collect();
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    store.overwrite("no record");
    lines
        .until(&["WARN", "lost the lease: its key was overwritten"])
        .await;
    lines
        .until(&["WARN", "the key holds no record of noleader"])
        .await;
    advance_until(&clock, || a.is_leader()).await;
    store.delete();
    lines
        .until(&["WARN", "lost the lease: its key was deleted"])
        .await;
}

#[tokio::test]
async fn waiting_for_an_absent_key_is_told() {
    let (lines, _guard) = Lines::collect();
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = candidate("a", &clock).trust_absent_key(false);
    let a = a.start_with(store).await.unwrap();
    let told = lines.until(&["INFO", "the key is absent; waiting"]).await;
    assert!(told.contains("wait=15s"), "{told}");
    assert!(!a.is_leader());
}

#[tokio::test]
async fn a_lease_that_could_not_be_released_is_told() {
    let (lines, _guard) = Lines::collect();
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    store.set_outage(true);
    let stopping = tokio::spawn(async move { a.shutdown().await });
    advance_until(&clock, || stopping.is_finished()).await;
    lines
        .until(&[
            "WARN",
            "the lease could not be released; it is left to expire",
        ])
        .await;
}

#[tokio::test]
async fn a_warm_up_that_fails_is_told_with_what_it_said() {
    for panics in [false, true] {
        let (lines, _guard) = Lines::collect();
        let a = candidate("a", &FakeClock::new()).warm_up(move |_| async move {
            assert!(!panics, "a panic on purpose");
            Err::<(), _>("the cache is cold")
        });
        let _a = a.start_with(Memory::new()).await.unwrap();
        let told = match panics {
            false => [
                "the warm-up failed; giving the lease back",
                "the cache is cold",
            ],
            true => [
                "the warm-up panicked; giving the lease back",
                "a panic on purpose",
            ],
        };
        lines.until(&["ERROR", told[0], told[1]]).await;
    }
}
