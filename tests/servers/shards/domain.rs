//! A bucket of shards in another JetStream domain, reached over a leaf node.

use noleader::{Shards, store::JetStreamShards};

use super::{BUCKET, COUNT, all_open, all_open_after, spread};
use crate::{
    domain::{Linked, linked},
    support::{LEASE, Watchman},
};

#[tokio::test]
async fn nodes_in_two_domains_share_the_shards() {
    let Linked { hub, leaf, .. } = &linked().await;
    let join = async |id: &str, store: JetStreamShards| {
        let builder = Shards::with_store(store.domain("hub"), COUNT).id(id);
        builder.lease(LEASE * 3).start().await.unwrap()
    };
    // The leaf's own bucket of the same name must not be used instead of the hub's.
    let decoy = Shards::builder(BUCKET, COUNT + 1).start(leaf.client.clone());
    let decoy = decoy.await.unwrap();
    let at = |client: &async_nats::Client| JetStreamShards::new(client.clone(), BUCKET);
    let a = join("a", at(&hub.client)).await;
    let b = join("b", at(&leaf.client)).await;
    let before = spread(&[&a, &b]).await;
    let watchman = Watchman::over_shards(&[&a, &b]);
    let theirs: Vec<_> = a.owned();
    a.shutdown().await.unwrap();
    let after = all_open(&[&b]).await;
    for shard in theirs {
        assert!(after[&shard.index()] > before[&shard.index()]);
    }
    let a = join("a", at(&hub.client)).await;
    spread(&[&a, &b]).await;
    b.shutdown().await.unwrap();
    all_open_after(&super::Tokens::new(), &[&a]).await;
    assert!(watchman.dismiss().await > 0);
    drop(decoy);
}
