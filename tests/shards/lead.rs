//! How nodes come to lead shards, and hand them over.

use noleader::{ShardId, Shards, ShardsStatus, store::MemoryShards};
use noleader_fixture::eventually;
use tokio::time::timeout;

use crate::support::{BOUND, LEASE, SHARDS, node, owns};

#[tokio::test]
async fn a_single_node_leads_all_shards_and_passes_them_on() {
    let store = MemoryShards::new();
    let a = node(&store, "a").await;
    owns(&a, SHARDS as usize).await;
    let id = a.of("customer-17");
    let admission = a.admit(id).unwrap();
    let first = admission.term().token();
    drop(admission);

    let b = node(&store, "b").await;
    let knows = async || (b.owner(id)?.id() == "a").then_some(());
    eventually("the owner", BOUND, knows).await.unwrap();
    let refused = b.admit(id).unwrap_err();
    assert_eq!(
        refused.leader().unwrap().address(),
        Some("http://a.example")
    );

    a.shutdown().await.unwrap();
    owns(&b, SHARDS as usize).await;
    assert!(b.admit(id).unwrap().term().token() > first);
    assert!(a.admit(ShardId::new(0)).is_err());
    assert!(a.owned().is_empty());
}

#[tokio::test]
async fn a_removed_configuration_or_bucket_is_made_again() {
    let store = MemoryShards::new();
    let a = node(&store, "a").await;
    owns(&a, SHARDS as usize).await;
    let before = a.admit(ShardId::new(0)).unwrap().term().token();
    let since = async || {
        let token = a.admit(ShardId::new(0)).ok()?.term().token();
        (token > before && a.owned().len() == SHARDS as usize).then_some(token)
    };
    store.delete("cfg");
    let second = eventually("the next terms", BOUND, since).await.unwrap();
    store.recreate();
    let again = async || (since().await? > second).then_some(());
    eventually("the terms in the next bucket", BOUND, again)
        .await
        .unwrap();
    a.shutdown().await.unwrap();
}

#[tokio::test]
async fn nodes_with_other_settings_are_refused() {
    let store = MemoryShards::new();
    let _a = node(&store, "a").await;
    let other = Shards::with_store(store.clone(), SHARDS + 1).lease(LEASE);
    let error = other.start().await.unwrap_err().to_string();
    assert!(error.contains("start each node with 20 shards"), "{error}");
    let other = Shards::with_store(store.clone(), SHARDS).lease(LEASE * 2);
    let error = other.start().await.unwrap_err().to_string();
    assert!(error.contains("a lease of 2000 ms"), "{error}");
    store.overwrite("cfg", "garbage");
    let other = Shards::with_store(store, SHARDS).lease(LEASE);
    let error = other.start().await.unwrap_err().to_string();
    assert!(error.contains("cannot be read"), "{error}");
}

#[tokio::test]
async fn shards_are_spread_over_the_nodes() {
    let store = MemoryShards::new();
    let a = node(&store, "a").await;
    owns(&a, SHARDS as usize).await;
    // A node that joins gets its part, and one that leaves gives it back.
    let b = node(&store, "b").await;
    owns(&b, SHARDS as usize / 2).await;
    owns(&a, SHARDS as usize / 2).await;
    let c = node(&store, "c").await;
    let spread = async || {
        let owned = [&a, &b, &c].map(|node| node.owned().len());
        (owned.iter().sum::<usize>() == 20 && owned.iter().all(|owned| (6..=7).contains(owned)))
            .then_some(())
    };
    eventually("an equal part for each", BOUND, spread)
        .await
        .unwrap();
    b.shutdown().await.unwrap();
    owns(&a, SHARDS as usize / 2).await;
    owns(&c, SHARDS as usize / 2).await;
}

/// The largest number of shards. A store in memory never lets the node's task wait, and the task shares its thread with
/// this test.
#[tokio::test]
async fn a_node_that_takes_all_shards_leaves_others_their_turns() {
    const MOST: u32 = 65_536;
    let node = Shards::with_store(MemoryShards::new(), MOST).lease(LEASE * 3);
    let node = node.start().await.unwrap();
    let mut status = node.watch();
    let (mut owned, mut largest) = (0, 0);
    let takes_all = async {
        while owned < MOST as usize {
            status.changed().await.unwrap();
            let before = owned;
            owned = match *status.borrow() {
                ShardsStatus::Member { owned } => owned,
                _ => 0,
            };
            largest = largest.max(owned.saturating_sub(before));
        }
    };
    timeout(BOUND * 5, takes_all).await.unwrap();
    assert!(largest < 1_000, "{largest} shards in one turn");
}

#[tokio::test]
async fn the_status_counts_a_shard_that_warms_up() {
    let store = MemoryShards::new();
    let node = Shards::with_store(store, 3).id("a").lease(LEASE);
    let node = node.warm_up(async |_| std::future::pending::<std::io::Result<()>>().await);
    let node = node.start().await.unwrap();
    let mut status = node.watch();
    let warms_up = status.wait_for(|status| *status == ShardsStatus::Member { owned: 3 });
    assert_eq!(warms_up.await.unwrap().to_string(), "holding 3 shards");
    assert_eq!(node.owned(), []);
}
