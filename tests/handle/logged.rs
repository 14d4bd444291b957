//! Log events.

use std::{panic::panic_any, time::Duration};

use futures_util::FutureExt;
use noleader::{
    LeaderHandle, Status,
    lease::{Observation, Record, WriteId},
    store::{ElectionName, LeaseStore, Memory, StoreError, Watch, WriteError},
    test_util::FakeClock,
};
use tokio::runtime::Runtime;

use crate::{
    lines::Lines,
    support::{LEASE, advance_until, candidate, is_follower_of, leader, lost, until},
};

#[tokio::test]
async fn a_term_is_logged_from_start_to_end() {
    let (lines, _guard) = Lines::collect();
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    let token = format!("token={}", a.term().unwrap().token());
    let end = clock.now() + LEASE;
    advance_until(&clock, || clock.now() >= end).await;
    a.step_down().await.unwrap();
    let expected = [
        "INFO won the election",
        "INFO leading",
        "TRACE renewed the lease",
        "INFO closed the gate; draining admitted requests",
        "INFO no longer leading",
        "DEBUG no longer holding the lease",
    ];
    let mut last = 0;
    for line in expected {
        let (level, message) = line.split_once(' ').unwrap();
        lines.until(&[level, message]).await;
        let at = lines.to_string().find(message).unwrap();
        assert!(at >= last, "out of order:\n{lines}");
        last = at;
    }
    for message in [
        "won the election",
        "leading",
        "draining",
        "no longer leading",
    ] {
        assert_ne!(lines.with(&[message, &token]), [""; 0], "{lines}");
    }
}

#[tokio::test]
async fn unset_wall_clock_is_logged() {
    let (lines, _guard) = Lines::collect();
    let (store, clock) = (Memory::new(), FakeClock::new());
    clock.set_wall(0);
    let a = leader(&store, &clock).await;
    lines
        .until(&["WARN", "the wall clock is wrong", "unix_ms=0"])
        .await;
    assert!(u64::from(a.term().unwrap().token()) < 10);
    assert_eq!(lines.with(&["the wall clock is wrong"]).len(), 1, "{lines}");
}

/// A copy of the process has its nonce, and writes with other ids.
#[tokio::test]
async fn a_record_of_a_copy_is_logged() {
    let (lines, _guard) = Lines::collect();
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    let key = store.get();
    let record = Record::decode(key.revision(), key.value().unwrap()).unwrap();
    let by_copy = record.clone().written_as(WriteId::from_bits(1));
    assert_ne!(by_copy, record);
    store.overwrite(by_copy.encode());
    lines.until(&["ERROR", "its image runs twice"]).await;
    until(&a, |status| matches!(status, Status::Follower { .. })).await;
    assert!(!a.is_leader());
}

#[tokio::test]
async fn each_write_has_another_id() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    let id = || {
        let key = store.get();
        let record = Record::decode(key.revision(), key.value().unwrap()).unwrap();
        record.write_id.unwrap()
    };
    let (first, revision) = (id(), store.get().revision());
    advance_until(&clock, || store.get().revision() > revision).await;
    assert_ne!(id(), first);
    assert!(a.is_leader());
}

#[tokio::test]
async fn the_first_failure_and_the_recovery_are_logged() {
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
    let failed = lines.with(&["WARN", "lease store request failed; retrying"]);
    assert_eq!(failed.len(), 1, "{lines}");
    let again = lines.with(&["DEBUG", "lease store request failed again"]);
    assert!(!again.is_empty(), "{lines}");
    let end = lines.with(&["lease store is reachable again"]);
    assert_eq!(end.len(), 1, "{lines}");
    let failures = format!("failures={}", 1 + again.len());
    assert!(
        end[0].contains("INFO") && end[0].contains(&failures),
        "{lines}"
    );
}

/// A store whose watches work and whose reads fail.
struct Unread(Memory, fn() -> StoreError);

impl LeaseStore for Unread {
    fn name(&self) -> ElectionName {
        self.0.name()
    }

    async fn prepare(&self, lease: Duration) -> Result<(), StoreError> {
        self.0.prepare(lease).await
    }

    async fn read(&self) -> Result<Observation, StoreError> {
        Err(self.1())
    }

    async fn write(&self, expected: u64, value: Vec<u8>) -> Result<u64, WriteError> {
        self.0.write(expected, value).await
    }

    async fn watch(&self) -> Result<Watch, StoreError> {
        self.0.watch().await
    }
}

#[tokio::test]
async fn a_push_ends_an_outage() {
    let (lines, _guard) = Lines::collect();
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    let unread = Unread(store.clone(), || StoreError::Disconnected);
    let b = candidate(unread, "b", &clock).start().await.unwrap();
    until(&b, is_follower_of("a")).await;
    for outages in 1..=2 {
        let both_logged = |text| lines.with(&[text]).len() == 2 * outages;
        store.set_outage(true);
        advance_until(&clock, || {
            both_logged("WARN") && both_logged("lease store request failed; retrying")
        })
        .await;
        store.set_outage(false);
        advance_until(&clock, || both_logged("lease store is reachable again")).await;
    }
    assert!(a.is_leader());
}

#[tokio::test]
async fn a_push_ends_no_other_failure() {
    let (lines, _guard) = Lines::collect();
    let (store, clock) = (Memory::new(), FakeClock::new());
    // So seldom that followers read the key.
    let a = candidate(store.clone(), "a", &clock).renew_every(Duration::from_secs(7));
    let a = a.start().await.unwrap();
    a.elected().await.unwrap();
    let denied = || StoreError::NoAnswer {
        subject: "$JS.API.STREAM.MSG.GET.KV_orders".to_owned(),
        waited: Duration::from_secs(5),
    };
    let unread = Unread(store.clone(), denied);
    let b = candidate(unread, "b", &clock).start().await.unwrap();
    until(&b, is_follower_of("a")).await;
    let begin = clock.now();
    advance_until(&clock, || {
        let again = lines.with(&["DEBUG", "lease store request failed again"]);
        again.len() >= 3 && clock.now().saturating_since(begin) > LEASE * 3
    })
    .await;
    let logged = lines.with(&["WARN", "lease store request failed; retrying"]);
    assert_eq!(logged.len(), 1, "{lines}");
    assert_eq!(lines.with(&["is reachable again"]), [""; 0], "{lines}");
}

#[tokio::test]
async fn a_follower_logs_its_leader() {
    let (lines, _guard) = Lines::collect();
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = candidate(store.clone(), "a", &clock).address("http://h:1");
    let a = a.start().await.unwrap();
    let token = a.elected().await.unwrap().token();
    let _b = follower_of_a("b", &store, &clock).await;
    let line = lines.until(&["INFO", "following"]).await;
    let fields = format!(r#"leader="a" address="http://h:1" token={token}"#);
    assert!(line.contains(&fields), "{line}");
    assert_eq!(lines.with(&["following"]).len(), 1, "{lines}");
}

#[tokio::test]
async fn a_shared_address_is_logged() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = candidate(store.clone(), "a", &clock).address("http://h:1");
    let a = a.start().await.unwrap();
    a.elected().await.unwrap();
    for (address, is_logged) in [("http://h:1", true), ("http://h:2", false)] {
        let (lines, _guard) = Lines::collect();
        let b = candidate(store.clone(), "b", &clock).address(address);
        let b = b.start().await.unwrap();
        until(&b, is_follower_of("a")).await;
        let logged = lines.with(&["WARN", "leader publishes the address", "http://h:1"]);
        assert_eq!(logged.len(), usize::from(is_logged), "{lines}");
    }
}

#[tokio::test]
async fn work_after_the_drain_timeout_is_logged() {
    for overruns in [false, true] {
        let (lines, _guard) = Lines::collect();
        let (store, clock) = (Memory::new(), FakeClock::new());
        let a = leader(&store, &clock).await;
        let admission = a.admit().unwrap();
        let stopping = tokio::spawn({
            let a = a.clone();
            async move { a.shutdown().await }
        });
        until(&a, |status| *status == Status::Draining).await;
        if !overruns {
            drop(admission);
        }
        advance_until(&clock, || stopping.is_finished()).await;
        stopping.await.unwrap().unwrap();
        let logged = lines.with(&["drain timeout elapsed"]);
        assert_eq!(logged.len(), usize::from(overruns), "{lines}");
        for line in logged {
            assert!(
                line.contains("WARN") && line.contains("requests=1"),
                "{line}"
            );
        }
    }
}

#[tokio::test]
async fn work_finished_by_the_timeout_is_not_logged() {
    let (lines, _guard) = Lines::collect();
    let (store, clock) = (Memory::new(), FakeClock::new());
    let drain_timeout = LEASE / 3;
    let a = candidate(store, "a", &clock).drain_timeout(drain_timeout);
    let a = a.start().await.unwrap();
    a.elected().await.unwrap();
    let admission = a.admit().unwrap();
    let stopping = tokio::spawn({
        let a = a.clone();
        async move { a.shutdown().await }
    });
    until(&a, |status| *status == Status::Draining).await;
    // The task finds both, the timeout and the end of the request.
    clock.advance_silently(drain_timeout);
    drop(admission);
    clock.advance(Duration::ZERO);
    advance_until(&clock, || stopping.is_finished()).await;
    stopping.await.unwrap().unwrap();
    assert_eq!(lines.with(&["drain timeout elapsed"]), [""; 0], "{lines}");
}

#[tokio::test]
async fn a_followers_drain_timeout_is_logged() {
    let (lines, _guard) = Lines::collect();
    let (_store, clock, a, _admission) = lost().await;
    let stopping = tokio::spawn(async move { a.shutdown().await });
    advance_until(&clock, || stopping.is_finished()).await;
    let logged = lines.with(&["WARN", "drain timeout elapsed", "requests=1"]);
    assert_eq!(logged.len(), 1, "{lines}");
}

#[test]
fn the_end_of_the_runtime_is_logged() {
    /// Sends a request, and returns the handle unless it is dropped.
    type Ask = fn(&Runtime, LeaderHandle) -> Option<LeaderHandle>;
    let nothing: Ask = |_, a| Some(a);
    let dropped: Ask = |_, _| None;
    let draining: Ask = |runtime, a| {
        let mut status = a.watch();
        drop(a);
        let draining = status.wait_for(|status| *status == Status::Draining);
        runtime.block_on(draining).unwrap();
        None
    };
    let step_down: Ask = |runtime, a| {
        let b = a.clone();
        runtime.spawn(async move { b.step_down().await });
        runtime.block_on(until(&a, |status| *status == Status::Draining));
        Some(a)
    };
    // Sent, but not received yet.
    let shutdown_sent: Ask = |runtime, a| {
        let asked = runtime.block_on(async { a.shutdown().now_or_never() });
        assert_eq!(asked, None);
        Some(a)
    };
    let step_down_sent: Ask = |runtime, a| {
        let asked = runtime.block_on(async { a.step_down().now_or_never() });
        assert_eq!(asked, None);
        Some(a)
    };
    for (ask, was_to_end) in [
        (nothing, false),
        (step_down, false),
        (step_down_sent, false),
        (dropped, true),
        (draining, true),
        (shutdown_sent, true),
    ] {
        let (lines, _guard) = Lines::collect();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let a = runtime.block_on(leader(&Memory::new(), &FakeClock::new()));
        let admission = a.admit().unwrap();
        let handle = ask(&runtime, a);
        drop(runtime);
        drop((admission, handle));
        let expected = match was_to_end {
            true => ["WARN", "before its shutdown completed"],
            false => ["ERROR", "ended unexpectedly"],
        };
        assert_eq!(lines.with(&expected).len(), 1, "{lines}");
        let all = lines.with(&["election task ended"]);
        assert_eq!(all.len(), 1, "{lines}");
    }
}

#[tokio::test]
async fn a_lost_term_is_logged_with_the_reason() {
    let (lines, _guard) = Lines::collect();
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    store.overwrite("no record");
    lines
        .until(&["WARN", "lost the lease: its key was overwritten"])
        .await;
    lines
        .until(&["WARN", "the key does not contain a noleader record"])
        .await;
    advance_until(&clock, || a.is_leader()).await;
    store.delete();
    lines
        .until(&["WARN", "lost the lease: its key was deleted"])
        .await;
}

#[tokio::test]
async fn waiting_for_an_absent_key_is_logged() {
    let (lines, _guard) = Lines::collect();
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = candidate(store, "a", &clock).dangerous_trust_absent_key(false);
    let a = a.start().await.unwrap();
    let line = lines.until(&["INFO", "key is absent; waiting"]).await;
    assert!(line.contains("wait=15s"), "{line}");
    assert!(!a.is_leader());
}

#[tokio::test]
async fn a_failed_release_is_logged() {
    let (lines, _guard) = Lines::collect();
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    store.set_outage(true);
    let stopping = tokio::spawn(async move { a.shutdown().await });
    advance_until(&clock, || stopping.is_finished()).await;
    lines
        .until(&["WARN", "could not release the lease; leaving it to expire"])
        .await;
}

#[tokio::test]
async fn a_failed_warm_up_is_logged() {
    let fails: fn() -> Result<(), &'static str> = || Err("the cache is cold");
    let (failed, panicked) = ("warm-up failed", "warm-up panicked");
    for (warm_up, message, error) in [
        (fails, failed, "error=the cache is cold"),
        (|| panic!("on purpose"), panicked, r#"error="on purpose""#),
        (
            || panic!("on {}", "purpose"),
            panicked,
            r#"error="on purpose""#,
        ),
        (
            || panic_any(7),
            panicked,
            r#"error="panic without a message""#,
        ),
    ] {
        let (lines, _guard) = Lines::collect();
        let a = candidate(Memory::new(), "a", &FakeClock::new())
            .warm_up(move |_| async move { warm_up() });
        let _a = a.start().await.unwrap();
        let message = format!("{message}; ending the term");
        lines.until(&["ERROR", &message, error]).await;
    }
}

async fn follower_of_a(id: &str, store: &Memory, clock: &FakeClock) -> LeaderHandle {
    let b = candidate(store.clone(), id, clock).start().await.unwrap();
    until(&b, is_follower_of("a")).await;
    b
}
