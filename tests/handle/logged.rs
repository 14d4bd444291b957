//! What an operator reads in the log.

use noleader::{LeaderHandle, Status, clock::FakeClock, store::Memory};

use crate::{
    lines::Lines,
    support::{LEASE, advance_until, candidate, is_follower_of, leader, until},
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
        "DEBUG no lease is held any more",
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
    let end = lines.with(&["the lease's store is reached again"]);
    assert_eq!(end.len(), 1, "{lines}");
    let failures = format!("failures={}", 1 + again.len());
    assert!(
        end[0].contains("INFO") && end[0].contains(&failures),
        "{lines}"
    );
}

#[tokio::test]
async fn each_outage_is_told_where_nothing_is_asked_of_the_store_between_them() {
    let (lines, _guard) = Lines::collect();
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    let _b = follower_of_a("b", &store, &clock).await;
    for outages in 1..=2 {
        let told = |text| lines.with(&[text]).len() == 2 * outages;
        store.set_outage(true);
        advance_until(&clock, || {
            told("WARN") && told("the lease's store failed; trying again")
        })
        .await;
        store.set_outage(false);
        advance_until(&clock, || told("the lease's store is reached again")).await;
    }
    assert!(a.is_leader());
}

#[tokio::test]
async fn a_follower_tells_whom_it_follows() {
    let (lines, _guard) = Lines::collect();
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = candidate("a", &clock).address("http://h:1");
    let a = a.start_with(store.clone()).await.unwrap();
    let token = a.elected().await.unwrap().token();
    let _b = follower_of_a("b", &store, &clock).await;
    let told = lines.until(&["INFO", "following"]).await;
    let facts = format!(r#"leader="a" address="http://h:1" token={token}"#);
    assert!(told.contains(&facts), "{told}");
    assert_eq!(lines.with(&["following"]).len(), 1, "{lines}");
}

#[tokio::test]
async fn two_nodes_with_one_address_are_told() {
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = candidate("a", &clock).address("http://h:1");
    let a = a.start_with(store.clone()).await.unwrap();
    a.elected().await.unwrap();
    // The last one may be this node itself, before it was started again.
    for (id, address, is_told) in [("b", 2, false), ("b", 1, true), ("a", 1, false)] {
        let (lines, _guard) = Lines::collect();
        let b = candidate(id, &clock).address(format!("http://h:{address}"));
        let b = b.start_with(store.clone()).await.unwrap();
        until(&b, is_follower_of("a")).await;
        let told = lines.with(&["WARN", "publishes the address of this node", "http://h:1"]);
        assert_eq!(told.len(), usize::from(is_told), "{lines}");
    }
}

#[tokio::test]
async fn what_goes_on_after_the_drain_timeout_is_told() {
    let overrun = ["WARN", "the drain timeout is over", "requests=1"];
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
        assert_eq!(lines.with(&overrun).len(), usize::from(overruns), "{lines}");
    }
}

#[tokio::test]
async fn what_goes_on_after_the_drain_timeout_of_a_follower_is_told() {
    let (lines, _guard) = Lines::collect();
    let (store, clock) = (Memory::new(), FakeClock::new());
    let a = leader(&store, &clock).await;
    let _admission = a.admit().unwrap();
    store.set_outage(true);
    advance_until(&clock, || {
        matches!(*a.status().borrow(), Status::Follower { .. })
    })
    .await;
    let stopping = tokio::spawn(async move { a.shutdown().await });
    advance_until(&clock, || stopping.is_finished()).await;
    let told = lines.with(&["WARN", "the drain timeout is over", "requests=1"]);
    assert_eq!(told.len(), 1, "{lines}");
}

#[test]
fn a_task_that_ends_with_its_runtime_tells_whether_it_was_asked_to_stop() {
    enum Asked {
        Never,
        JustNow,
        Before,
    }
    for asked in [Asked::Never, Asked::JustNow, Asked::Before] {
        let (lines, _guard) = Lines::collect();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let a = runtime.block_on(leader(&Memory::new(), &FakeClock::new()));
        let admission = a.admit().unwrap();
        let mut status = a.status();
        let _handle = Some(a).filter(|_| matches!(asked, Asked::Never));
        if let Asked::Before = asked {
            let draining = status.wait_for(|status| *status == Status::Draining);
            runtime.block_on(draining).unwrap();
        }
        drop(runtime);
        drop(admission);
        let told = match asked {
            Asked::Never => ["ERROR", "ended before it was told to"],
            Asked::JustNow | Asked::Before => ["WARN", "ended in the middle of a stop"],
        };
        assert_eq!(lines.with(&told).len(), 1, "{lines}");
        let all = lines.with(&["the election's task ended"]);
        assert_eq!(all.len(), 1, "{lines}");
    }
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

async fn follower_of_a(id: &str, store: &Memory, clock: &FakeClock) -> LeaderHandle {
    let b = candidate(id, clock)
        .start_with(store.clone())
        .await
        .unwrap();
    until(&b, is_follower_of("a")).await;
    b
}
