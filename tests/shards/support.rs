//! Nodes on a store in memory, and on a server.

use std::time::Duration;

use noleader::{ShardId, Shards, ShardsBuilder, store::MemoryShards, test_util::FakeClock};
use noleader_fixture::{Server, eventually};

pub(crate) const BOUND: Duration = Duration::from_secs(60);
pub(crate) const LEASE: Duration = Duration::from_secs(2);
pub(crate) const SHARDS: u32 = 20;

pub(crate) async fn node(store: &MemoryShards, id: &str) -> Shards {
    Shards::with_store(store.clone(), SHARDS)
        .id(id)
        .address(format!("http://{id}.example"))
        .lease(LEASE)
        .start()
        .await
        .unwrap()
}

/// Waits until the node leads this many shards.
pub(crate) async fn owns(node: &Shards, count: usize) {
    let owned = async || (node.owned().len() == count).then_some(());
    eventually(format!("{count} shards of {}", node.id()), BOUND, owned)
        .await
        .unwrap();
}

/// Advances the clock in small steps until `done`.
pub(crate) async fn advance_until(clock: &FakeClock, done: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if done() {
            return;
        }
        clock.advance(Duration::from_millis(10));
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    panic!("nothing happened in 100 s");
}

/// Many shards, and a lease that is renewed on a machine that is busy with many tests.
pub(crate) const MANY: u32 = 1_000;

pub(crate) fn one_of_many(id: &str) -> ShardsBuilder {
    Shards::builder("many_shards", MANY).id(id).lease(LEASE * 3)
}

pub(crate) async fn join_many(server: &Server, ids: &[&str]) -> Vec<Shards> {
    let mut nodes = Vec::new();
    for id in ids {
        let node = one_of_many(id).start(server.client().await.unwrap());
        nodes.push(node.await.unwrap());
    }
    nodes
}

/// Waits until this many shards are open at these nodes.
pub(crate) async fn open_at(nodes: &[Shards], count: usize) {
    let open = async || {
        let open: usize = nodes.iter().map(|node| node.owned().len()).sum();
        (open == count).then_some(())
    };
    let opened = eventually(format!("{count} open shards"), BOUND, open).await;
    opened.unwrap_or_else(|error| panic!("{error}: {nodes:?}"));
}

/// The token under which a shard is open at one of these nodes.
pub(crate) fn token_at(nodes: &[Shards], shard: ShardId) -> Option<u64> {
    let admissions = nodes.iter().filter_map(|node| node.admit(shard).ok());
    let mut tokens = admissions.map(|admission| u64::from(admission.term().token()));
    tokens.next()
}
