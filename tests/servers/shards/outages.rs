//! Servers that stop and come back, with all of their data.

use noleader::{ReleaseError, Shards, ShardsStatus};
use noleader_fixture::{Direction, Proxy, Server};

use super::{
    all_open, all_open_after, join, join_with, lost, node, spread, tokens, until, used_before,
};
use crate::{
    lines::Lines,
    support::{BOUND, LEASE, Watchman},
};

/// A node whose session does not expire within a test.
async fn long(server: &Server, id: &str) -> Shards {
    let builder = node(id)
        .lease(BOUND * 5)
        .renew_every(std::time::Duration::from_millis(500));
    builder.start(server.client().await.unwrap()).await.unwrap()
}

/// Waits until the session was renewed.
async fn renewed(node: &Shards) {
    let shard = node.owned().remove(0);
    let before = shard.term().remaining();
    let renewed = async || (shard.term().remaining() > before).then_some(());
    noleader_fixture::eventually("a renewal", BOUND, renewed)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_node_joins_once_its_server_is_up() {
    let (lines, _guard) = Lines::collect();
    let mut server = Server::start().await.unwrap();
    server.kill();
    let options = server.connect_options().retry_on_initial_connect();
    let a = join_with(options.connect(server.url()).await.unwrap(), "a").await;
    let waits = "waiting for the bucket of the shards; no shard opens here";
    let line = lines.until(&[" WARN ", waits]).await;
    assert!(line.contains("not connected"), "{line}");
    assert_eq!(a.status(), ShardsStatus::Joining);
    server.restart().await.unwrap();
    all_open(&[&a]).await;
    assert_eq!(lines.with(&["the bucket of the shards is ready"]).len(), 1);
    assert_eq!(lines.with(&[waits]).len(), 1, "{lines}");
    a.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_waiting_node_can_be_shut_down() {
    let mut server = Server::start().await.unwrap();
    server.kill();
    let options = server.connect_options().retry_on_initial_connect();
    let a = join_with(options.connect(server.url()).await.unwrap(), "a").await;
    a.shutdown().await.unwrap();
    assert_eq!(a.status(), ShardsStatus::Stopped);
}

#[tokio::test]
async fn terms_survive_a_killed_server() {
    let mut server = Server::start().await.unwrap();
    used_before(server.client().await.unwrap(), &["a", "b"], 1).await;
    let (a, b) = (long(&server, "a").await, long(&server, "b").await);
    let before = all_open(&[&a, &b]).await;
    for _ in 0..2 {
        server.kill();
        server.restart().await.unwrap();
        for node in [&a, &b] {
            if !node.owned().is_empty() {
                renewed(node).await;
            }
        }
        assert_eq!(tokens(&[&a, &b]), before);
    }
    a.shutdown().await.unwrap();
    all_open(&[&b]).await;
}

#[tokio::test]
async fn terms_survive_a_server_in_lame_duck_mode() {
    let config = "lame_duck_duration: 30s\nlame_duck_grace_period: 2s";
    let mut server = Server::builder().config(config).start().await.unwrap();
    used_before(server.client().await.unwrap(), &["a"], 1).await;
    let a = long(&server, "a").await;
    let before = all_open(&[&a]).await;
    server.lame_duck().await.unwrap();
    assert_eq!(tokens(&[&a]), before);
    server.restart().await.unwrap();
    renewed(&a).await;
    assert_eq!(tokens(&[&a]), before);
    a.shutdown().await.unwrap();
}

#[tokio::test]
async fn gates_shut_during_a_long_outage() {
    let (lines, _guard) = Lines::collect();
    let mut server = Server::start().await.unwrap();
    let (a, b) = (join(&server, "a").await, join(&server, "b").await);
    let before = spread(&[&a, &b]).await;
    let watchman = Watchman::over_shards(&[&a, &b]);
    server.kill();
    for node in [&a, &b] {
        lost(node).await;
    }
    let lost = lines.with(&[" WARN ", "lost all shards", "before the deadline"]);
    assert_eq!(lost.len(), 2, "{lines}");
    server.restart().await.unwrap();
    all_open_after(&before, &[&a, &b]).await;
    assert!(watchman.dismiss().await > 0);
}

#[tokio::test]
async fn a_paused_server_ends_the_terms() {
    let server = Server::start().await.unwrap();
    let a = join(&server, "a").await;
    let before = all_open(&[&a]).await;
    server.pause().unwrap();
    lost(&a).await;
    server.resume().unwrap();
    all_open_after(&before, &[&a]).await;
}

#[tokio::test]
async fn shutdown_without_a_server_leaves_the_session_to_expire() {
    let (lines, _guard) = Lines::collect();
    let mut server = Server::start().await.unwrap();
    let a = join(&server, "a").await;
    all_open(&[&a]).await;
    server.kill();
    let left = tokio::time::timeout(BOUND, a.shutdown()).await.unwrap();
    assert_eq!(left, Err(ReleaseError::LeftToExpire(LEASE * 3)));
    until(&a, ShardsStatus::Stopped).await;
    let logged = lines.with(&[" WARN ", "could not end the session"]);
    assert_eq!(logged.len(), 1, "{lines}");
}

/// Applies `fault` to the connection of one of two nodes. The other one takes all shards, and gives back a part once
/// the network has healed.
async fn partition(fault: impl FnOnce(&Proxy)) {
    let server = Server::start().await.unwrap();
    let proxy = Proxy::start(server.addr()).await.unwrap();
    let client = server.connect_options().connect(proxy.url()).await.unwrap();
    let (a, b) = (join_with(client, "a").await, join(&server, "b").await);
    let before = spread(&[&a, &b]).await;
    let watchman = Watchman::over_shards(&[&a, &b]);
    let mine = a.owned();
    fault(&proxy);
    let after = all_open(&[&b]).await;
    assert!(a.owned().is_empty());
    for shard in mine {
        assert!(!shard.term().is_current());
        assert!(after[&shard.index()] > before[&shard.index()]);
    }
    proxy.heal();
    spread(&[&a, &b]).await;
    assert!(watchman.dismiss().await > 0);
}

#[tokio::test]
async fn lost_requests_end_the_session() {
    partition(|proxy| proxy.black_hole(Direction::ToServer)).await;
}

#[tokio::test]
async fn lost_responses_end_the_session() {
    partition(|proxy| proxy.black_hole(Direction::ToClient)).await;
}

#[tokio::test]
async fn late_requests_end_the_session() {
    partition(|proxy| proxy.hold(Direction::ToServer)).await;
}

#[tokio::test]
async fn late_responses_end_the_session() {
    partition(|proxy| proxy.hold(Direction::ToClient)).await;
}

#[tokio::test]
async fn a_broken_connection_ends_the_session() {
    partition(Proxy::cut).await;
}
