//! A leader that the network cuts off, in each direction.

use noleader::Status;
use noleader_fixture::{Direction, Proxy, Server};

use crate::support::{Watchman, candidate, elected, ended, follows, start, start_through, until};

/// Cuts a leader off as `fault` says, and sees the other one take over, and the first one follow once the
/// network is back.
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
    assert!(new.is_current(), "what was late did no harm");
    assert!(watchman.dismiss().await > 0);
}

#[tokio::test]
async fn what_the_leader_sends_is_lost() {
    partition(|proxy| proxy.black_hole(Direction::ToServer)).await;
}

#[tokio::test]
async fn what_the_server_answers_is_lost() {
    partition(|proxy| proxy.black_hole(Direction::ToClient)).await;
}

#[tokio::test]
async fn both_directions_are_lost() {
    partition(|proxy| proxy.black_hole(Direction::Both)).await;
}

#[tokio::test]
async fn what_the_leader_sends_arrives_late() {
    partition(|proxy| proxy.hold(Direction::ToServer)).await;
}

#[tokio::test]
async fn what_the_server_answers_arrives_late() {
    partition(|proxy| proxy.hold(Direction::ToClient)).await;
}

#[tokio::test]
async fn the_connection_breaks() {
    partition(Proxy::cut).await;
}

#[tokio::test]
async fn a_follower_that_is_cut_off_knows_no_leader_and_finds_it_again() {
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
async fn a_slow_network_changes_nothing() {
    let server = Server::start().await.unwrap();
    let proxy = Proxy::start(server.addr()).await.unwrap();
    let a = start_through(&proxy, &server, candidate("a")).await;
    let term = elected(&a).await;
    let observer = start(&server, candidate("observer").observe()).await;
    follows(&observer, "a").await;
    proxy.delay(Direction::Both, std::time::Duration::from_millis(50));
    // Longer than the lease: it is renewed through the slow network.
    let renewed = tokio::time::Instant::now() + crate::support::LEASE * 2;
    tokio::time::timeout_at(renewed, term.cancellation().cancelled())
        .await
        .unwrap_err();
    assert!(term.is_current());
}
