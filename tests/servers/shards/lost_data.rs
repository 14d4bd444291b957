//! Servers that come back without their data, or with an earlier copy of it: after a power cut that lost the last
//! writes, or after a restore from a backup.

use noleader::Storage;
use noleader_fixture::{Proxy, Server};

use super::{all_open, all_open_after, join, join_with, node, spread};
use crate::{
    lines::Lines,
    support::{BOUND, Watchman},
};

/// Nodes that ran while the data was put back notice it.
#[tokio::test]
async fn tokens_grow_after_data_is_put_back_under_running_nodes() {
    let (lines, _guard) = Lines::collect();
    let mut server = Server::start().await.unwrap();
    let a = join(&server, "a").await;
    let first = all_open(&[&a]).await;
    let saved = server.kill_and_save().unwrap();
    server.restart().await.unwrap();
    let b = join(&server, "b").await;
    spread(&[&a, &b]).await;
    a.shutdown().await.unwrap();
    let second = all_open(&[&b]).await;

    server.kill_and_put_back(&saved).unwrap();
    server.restart().await.unwrap();
    lines
        .until(&[" ERROR ", "lost all shards: the server lost data"])
        .await;
    let third = all_open_after(&second, &[&b]).await;
    assert!(third.iter().all(|(shard, token)| *token > first[shard]));
    b.shutdown().await.unwrap();
}

#[tokio::test]
async fn tokens_grow_after_a_backup_is_put_back() {
    let mut server = Server::start().await.unwrap();
    let a = join(&server, "a").await;
    all_open(&[&a]).await;
    let backup = server.kill_and_save().unwrap();
    server.restart().await.unwrap();
    let b = join(&server, "b").await;
    a.shutdown().await.unwrap();
    let last = all_open(&[&b]).await;
    b.shutdown().await.unwrap();

    server.kill_and_put_back(&backup).unwrap();
    server.restart().await.unwrap();
    let c = join(&server, "c").await;
    all_open_after(&last, &[&c]).await;
    c.shutdown().await.unwrap();
}

/// The server lost the session of a node, which is cut off and still has open gates. Another node finds the shards free.
/// Only the tokens protect the storage: docs/nats.md.
#[tokio::test]
async fn terms_after_lost_writes_have_later_tokens() {
    let mut server = Server::start().await.unwrap();
    let first = join(&server, "first").await;
    all_open(&[&first]).await;
    first.shutdown().await.unwrap();
    let saved = server.kill_and_save().unwrap();
    server.restart().await.unwrap();

    let proxy = Proxy::start(server.addr()).await.unwrap();
    let client = server.connect_options().connect(proxy.url()).await.unwrap();
    let old = join_with(client, "old").await;
    let lost = all_open(&[&old]).await;
    server.kill_and_put_back(&saved).unwrap();
    proxy.cut();
    server.restart().await.unwrap();
    let new = join(&server, "new").await;
    let after = all_open_after(&lost, &[&new]).await;

    proxy.heal();
    spread(&[&old, &new]).await;
    new.shutdown().await.unwrap();
    all_open_after(&after, &[&old]).await;
}

#[tokio::test]
async fn a_lost_bucket_is_made_again() {
    let (lines, _guard) = Lines::collect();
    let mut server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    let a = node("a").storage(Storage::Memory).start(client);
    let (a, b) = (a.await.unwrap(), join(&server, "b").await);
    let mut before = spread(&[&a, &b]).await;
    let watchman = Watchman::over_shards(&[&a, &b]);
    for _ in 0..2 {
        server.kill();
        server.restart_empty().await.unwrap();
        before = all_open_after(&before, &[&a, &b]).await;
    }
    let missed = lines.with(&[" ERROR ", "bucket was missing; recreated it"]);
    assert!(!missed.is_empty(), "{lines}");
    assert!(watchman.dismiss().await > 0);
    for node in [a, b] {
        tokio::time::timeout(BOUND, node.shutdown())
            .await
            .unwrap()
            .unwrap();
    }
}
