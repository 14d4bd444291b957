//! Leaders and followers that the network cuts off, in each direction.

use noleader::Status;
use noleader_fixture::{Direction, Proxy, Server};

use crate::support::{Watchman, candidate, elected, ended, follows, start, start_through, until};

/// Applies `fault` to the leader's connection. The other candidate must take over, and the former leader must
/// follow it once the network has healed.
async fn partition(fault: impl FnOnce(&Proxy)) {
    let server = Server::start().await.unwrap();
    let proxy = Proxy::start(server.addr()).await.unwrap();
    let a = start_through(&proxy, &server, candidate("a")).await;
    let old = elected(&a).await;
    let b = start(&server, candidate("b")).await;
    follows(&b, "a").await;
    let watchman = Watchman::over(&[&a, &b]);

    fault(&proxy);
    ended(&old).await;
    assert!(!a.is_leader());
    let new = elected(&b).await;
    assert!(new.token() > old.token());
    proxy.heal();
    follows(&a, "b").await;
    assert!(new.is_current(), "a late message ended the new term");
    assert!(watchman.dismiss().await > 0);
}

#[tokio::test]
async fn lost_requests_end_the_term() {
    partition(|proxy| proxy.black_hole(Direction::ToServer)).await;
}

#[tokio::test]
async fn lost_responses_end_the_term() {
    partition(|proxy| proxy.black_hole(Direction::ToClient)).await;
}

#[tokio::test]
async fn losing_both_directions_ends_the_term() {
    partition(|proxy| proxy.black_hole(Direction::Both)).await;
}

#[tokio::test]
async fn late_requests_end_the_term() {
    partition(|proxy| proxy.hold(Direction::ToServer)).await;
}

#[tokio::test]
async fn late_responses_end_the_term() {
    partition(|proxy| proxy.hold(Direction::ToClient)).await;
}

#[tokio::test]
async fn broken_connection_ends_the_term() {
    partition(Proxy::cut).await;
}

#[tokio::test]
async fn cut_off_follower_forgets_and_rediscovers_the_leader() {
    let server = Server::start().await.unwrap();
    let proxy = Proxy::start(server.addr()).await.unwrap();
    let a = start(&server, candidate("a")).await;
    let term = elected(&a).await;
    let b = start_through(&proxy, &server, candidate("b")).await;
    follows(&b, "a").await;
    proxy.black_hole(Direction::Both);
    until(&b, |status| *status == Status::Follower { leader: None }).await;
    assert!(!b.is_leader());
    proxy.heal();
    follows(&b, "a").await;
    assert!(term.is_current());
}

#[tokio::test]
async fn slow_network_does_not_end_the_term() {
    let server = Server::start().await.unwrap();
    let proxy = Proxy::start(server.addr()).await.unwrap();
    let a = start_through(&proxy, &server, candidate("a")).await;
    let term = elected(&a).await;
    let observer = start(&server, candidate("observer").observe()).await;
    follows(&observer, "a").await;
    proxy.delay(Direction::Both, std::time::Duration::from_millis(50));
    // Longer than the lease, so that it must be renewed through the slow network.
    let renewed = tokio::time::Instant::now() + crate::support::LEASE * 2;
    tokio::time::timeout_at(renewed, term.cancellation().cancelled())
        .await
        .unwrap_err();
    assert!(term.is_current());
}
