//! How nodes leave.

use std::time::Duration;

use noleader::{Reason, ShardId, Shards, ShardsStatus, store::MemoryShards};
use noleader_fixture::{Server, eventually};

use crate::support::{BOUND, MANY, join_many, one_of_many, open_at, token_at};

/// The session ends while the node leaves. The requests that it admitted have not finished.
#[tokio::test]
async fn shutdown_waits_for_requests_of_a_lost_session() {
    let store = MemoryShards::new();
    let node = Shards::with_store(store.clone(), 1).id("a");
    let node = node.lease(Duration::from_secs(2)).start().await.unwrap();
    let admitted = async || node.admit(ShardId::new(0)).ok();
    let admission = eventually("an open shard", BOUND, admitted).await.unwrap();

    let leaving = node.clone();
    let mut shutdown = tokio::spawn(async move { leaving.shutdown().await });
    admission.term().closing().cancelled().await;
    store.overwrite("s.YQ", "garbage");
    admission.term().cancellation().cancelled().await;
    let early = tokio::time::timeout(Duration::from_millis(500), &mut shutdown);
    assert!(early.await.is_err(), "it left while a request was inside");
    drop(admission);
    shutdown.await.unwrap().unwrap();
}

/// A request delays its own shard only. `cargo bench --bench shards` measures how long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_without_requests_do_not_wait_for_one_with_a_request() {
    let server = Server::start().await.unwrap();
    let others = join_many(&server, &["a", "b", "c", "d"]).await;
    let leaves = one_of_many("leaves").drain_timeout(BOUND * 5);
    let leaves = leaves.start(server.client().await.unwrap());
    let leaves = leaves.await.unwrap();
    let part = MANY as usize / 5;
    open_at(std::slice::from_ref(&leaves), part).await;
    open_at(&others, MANY as usize - part).await;
    let before = leaves.owned();
    let busy = before[0].id();
    let admission = leaves.admit(busy).unwrap();

    let leaving = tokio::spawn({
        let leaves = leaves.clone();
        async move { leaves.shutdown().await }
    });
    open_at(&others, MANY as usize - 1).await;
    assert_eq!(leaves.status(), ShardsStatus::Leaving);
    assert!(admission.term().is_current() && !leaving.is_finished());
    assert_eq!(token_at(&others, busy), None);
    let refused = leaves.admit(busy).unwrap_err();
    assert_eq!(refused.reason(), Reason::Draining);

    drop(admission);
    leaving.await.unwrap().unwrap();
    open_at(&others, MANY as usize).await;
    for shard in before {
        let token = token_at(&others, shard.id()).unwrap();
        assert!(token > shard.token().into(), "{shard:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_shard_of_a_node_that_leaves_opens_elsewhere() {
    let server = Server::start().await.unwrap();
    let mut nodes = join_many(&server, &["a", "b", "c", "d", "e"]).await;
    open_at(&nodes, MANY as usize).await;
    while let Some(leaves) = nodes.pop().filter(|_| !nodes.is_empty()) {
        let before = leaves.owned();
        leaves.shutdown().await.unwrap();
        open_at(&nodes, MANY as usize).await;
        for shard in before {
            let token = token_at(&nodes, shard.id()).unwrap();
            assert!(token > shard.token().into(), "{shard:?}");
        }
    }
}
