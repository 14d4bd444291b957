//! Servers that stop and come back, with and without their data.

use std::time::Duration;

use noleader::{Status, Storage};
use noleader_fixture::Server;

use crate::support::{LEASE, Watchman, candidate, elected, ended, follows, start, until};

#[tokio::test]
async fn term_survives_a_restart_with_data() {
    let mut server = Server::start().await.unwrap();
    let long = |id| {
        candidate(id)
            .lease(Duration::from_secs(60))
            .renew_every(Duration::from_millis(500))
    };
    let a = start(&server, long("a").dangerous_trust_absent_key(true)).await;
    let term = elected(&a).await;
    let b = start(&server, long("b")).await;
    follows(&b, "a").await;
    let before = term.remaining();
    server.kill();
    server.restart().await.unwrap();
    // The remaining time grows only by a renewal.
    let mut renewed = term.remaining();
    while renewed <= before.saturating_sub(Duration::from_secs(1)) {
        assert!(term.is_current());
        tokio::time::sleep(Duration::from_millis(20)).await;
        renewed = term.remaining();
    }
    assert!(a.is_leader() && term.is_current());
    a.step_down().await.unwrap();
    assert!(elected(&b).await.token() > term.token());
}

#[tokio::test]
async fn gates_stay_closed_during_a_long_outage() {
    let mut server = Server::start().await.unwrap();
    let a = start(&server, candidate("a")).await;
    let old = elected(&a).await;
    let b = start(&server, candidate("b")).await;
    follows(&b, "a").await;
    let watchman = Watchman::over(&[&a, &b]);
    server.kill();
    ended(&old).await;
    until(&b, |status| *status == Status::Follower { leader: None }).await;
    assert!(!a.is_leader() && !b.is_leader());
    server.restart().await.unwrap();
    let new = tokio::select! {
        term = elected(&a) => term,
        term = elected(&b) => term,
    };
    assert!(new.token() > old.token());
    assert!(watchman.dismiss().await > 0);
}

#[tokio::test]
async fn lost_bucket_is_recreated_and_tokens_keep_growing() {
    let mut server = Server::start().await.unwrap();
    let a = start(&server, candidate("a").storage(Storage::Memory)).await;
    let b = start(&server, candidate("b")).await;
    let mut token = 0.into();
    // Some hand-overs first, so that the token is larger than any that an empty bucket would give.
    for _ in 0..3 {
        let (term, leader) = tokio::select! {
            term = elected(&a) => (term, &a),
            term = elected(&b) => (term, &b),
        };
        token = term.token();
        leader.step_down().await.unwrap();
    }
    let old = tokio::select! {
        term = elected(&a) => term,
        term = elected(&b) => term,
    };
    assert!(old.token() > token);
    let watchman = Watchman::over(&[&a, &b]);
    server.kill();
    server.restart_empty().await.unwrap();
    ended(&old).await;
    let new = tokio::select! {
        term = elected(&a) => term,
        term = elected(&b) => term,
    };
    assert!(
        new.token() > old.token(),
        "{} after {}",
        new.token(),
        old.token()
    );
    assert!(watchman.dismiss().await > 0);
}

#[tokio::test]
async fn paused_server_ends_the_term() {
    let server = Server::start().await.unwrap();
    let a = start(&server, candidate("a")).await;
    let old = elected(&a).await;
    server.pause().unwrap();
    ended(&old).await;
    server.resume().unwrap();
    assert!(elected(&a).await.token() > old.token());
}

#[tokio::test]
async fn shutdown_without_a_server_reports_an_unreleased_lease() {
    let mut server = Server::start().await.unwrap();
    let a = start(&server, candidate("a")).await;
    elected(&a).await;
    server.kill();
    let stopped = tokio::time::timeout(crate::support::BOUND, a.shutdown())
        .await
        .unwrap();
    assert_eq!(stopped, Err(noleader::ReleaseError::LeftToExpire(LEASE)));
}
