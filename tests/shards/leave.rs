//! How nodes leave.

use std::time::Duration;

use noleader::{ShardId, Shards, store::MemoryShards};
use noleader_fixture::eventually;

const BOUND: Duration = Duration::from_secs(60);

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
