//! Elections and hand-overs on one healthy server.

use std::time::{Duration, Instant};

use noleader::{LeaderHandle, ReleaseError, Status, Storage};
use noleader_fixture::Server;

use crate::support::{LEASE, Watchman, candidate, elected, ended, follows, start, until};

#[tokio::test]
async fn first_election_of_a_bucket_waits_one_lease() {
    let server = Server::start().await.unwrap();
    let begin = Instant::now();
    let a = start(&server, candidate("a").address("http://10.0.0.7:8080")).await;
    let b = start(&server, candidate("b")).await;
    let (leader, follower) = tokio::select! {
        _ = elected(&a) => (&a, &b),
        _ = elected(&b) => (&b, &a),
    };
    assert!(
        begin.elapsed() >= LEASE,
        "an absent key may belong to an unknown holder"
    );
    follows(follower, leader.id()).await;
    assert!(leader.is_leader() && !follower.is_leader());
    let info = follower.leader().unwrap();
    assert_eq!(info.token(), leader.term().unwrap().token());
    assert_eq!(info.address().is_some(), leader.id() == "a");
}

#[tokio::test]
async fn hand_over_does_not_wait_for_the_lease() {
    let server = Server::start().await.unwrap();
    // The lease is far longer than the test, so that only a release can cause a hand-over.
    let long = |id| {
        candidate(id)
            .lease(Duration::from_secs(300))
            .dangerous_trust_absent_key(true)
    };
    let a = start(&server, long("a")).await;
    let mut token = elected(&a).await.token();
    let b = start(&server, long("b")).await;
    follows(&b, "a").await;
    let watchman = Watchman::over(&[&a, &b]);
    a.step_down().await.unwrap();
    let term = elected(&b).await;
    assert!(term.token() > token);
    token = term.token();
    // `a` is in its cool-down, so the next leader is a third candidate.
    let c = start(&server, long("c")).await;
    follows(&c, "b").await;
    b.shutdown().await.unwrap();
    ended(&term).await;
    assert!(elected(&c).await.token() > token);
    assert_eq!(b.status(), Status::Stopped);
    assert!(watchman.dismiss().await > 0);
}

#[tokio::test]
async fn start_after_a_shutdown_does_not_wait() {
    let server = Server::start().await.unwrap();
    let long = |id| candidate(id).lease(Duration::from_secs(300));
    let a = start(&server, long("a").dangerous_trust_absent_key(true)).await;
    let token = elected(&a).await.token();
    a.shutdown().await.unwrap();
    // `b` does not trust an absent key, and its lease is longer than the test: only the released record lets it lead.
    let b = start(&server, long("b")).await;
    assert!(elected(&b).await.token() > token);
}

#[tokio::test]
async fn dropping_the_last_handle_hands_over() {
    let server = Server::start().await.unwrap();
    let long = |id| {
        candidate(id)
            .lease(Duration::from_secs(300))
            .dangerous_trust_absent_key(true)
    };
    let a = start(&server, long("a")).await;
    elected(&a).await;
    let b = start(&server, long("b")).await;
    follows(&b, "a").await;
    drop(a);
    elected(&b).await;
}

#[tokio::test]
async fn lease_of_200_ms_is_handed_over() {
    let server = Server::start().await.unwrap();
    let short = |id| candidate(id).lease(Duration::from_millis(200));
    let (a, b) = (
        start(&server, short("a")).await,
        start(&server, short("b")).await,
    );
    let watchman = Watchman::over(&[&a, &b]);
    for round in 0..10 {
        let (leader, other) = tokio::select! {
            _ = elected(&a) => (&a, &b),
            _ = elected(&b) => (&b, &a),
        };
        match leader.step_down().await {
            // On a busy machine so short a lease may expire first.
            Ok(()) | Err(ReleaseError::LeftToExpire(_)) => {}
            Err(error) => panic!("round {round}: {error}"),
        }
        elected(other).await;
    }
    assert!(watchman.dismiss().await > 0);
}

#[tokio::test]
async fn candidates_with_different_leases_share_a_key() {
    let server = Server::start().await.unwrap();
    let long = start(&server, candidate("long").lease(Duration::from_secs(6))).await;
    let term = elected(&long).await;
    let short = start(
        &server,
        candidate("short").lease(Duration::from_millis(500)),
    )
    .await;
    follows(&short, "long").await;
    let watchman = Watchman::over(&[&long, &short]);
    // `short` waits for the lease in the record, which is many times its own.
    let renewed = long.term().unwrap();
    let end = Instant::now() + Duration::from_secs(3);
    let mut status = short.watch();
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        let _ = tokio::time::timeout(left, status.changed()).await;
        assert!(!short.is_leader());
    }
    assert_eq!(long.term(), Some(renewed));
    // The reverse: `short` leads.
    long.step_down().await.unwrap();
    let next = elected(&short).await;
    assert!(next.token() > term.token());
    let other_key = LeaderHandle::builder("elections", "another")
        .id("other")
        .lease(LEASE);
    elected(&start(&server, other_key).await).await;
    assert!(watchman.dismiss().await > 0);
}

#[tokio::test]
async fn observer_follows_the_leader() {
    let server = Server::start().await.unwrap();
    let observer = start(&server, candidate("observer").observe()).await;
    let a = start(&server, candidate("a").storage(Storage::File)).await;
    elected(&a).await;
    follows(&observer, "a").await;
    a.shutdown().await.unwrap();
    until(&observer, |status| {
        *status == Status::Follower { leader: None }
    })
    .await;
    observer.shutdown().await.unwrap();
}
