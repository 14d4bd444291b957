//! Nodes that share shards, on servers that fail, and with buckets that others change.

mod bucket;
mod closed;
mod cluster;
mod domain;
mod garbage;
mod lost_data;
mod outages;
mod permissions;
mod upgrade;

use std::collections::BTreeMap;

use async_nats::Client;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use noleader::{
    Shards, ShardsBuilder, ShardsStatus,
    store::{JetStreamShards, ShardStore},
};
use noleader_fixture::{Server, eventually};

use crate::support::{BOUND, LEASE};

const BUCKET: &str = "order_shards";
const STREAM: &str = "KV_order_shards";
const COUNT: u32 = 12;

const LEFT: &str = r#"{"v":1,"state":"left"}"#;
const FREE: &str = r#"{"v":1,"state":"free","wanted":null,"token":1,"floor":1}"#;

/// A node that keeps its session on a machine that is busy with many tests.
fn node(id: &str) -> ShardsBuilder {
    Shards::builder(BUCKET, COUNT).id(id).lease(LEASE * 3)
}

/// Creates the bucket as if nodes had led all shards, and had left. A node then waits for no lease.
async fn used_before(client: Client, ids: &[&str], replicas: usize) {
    let store = JetStreamShards::new(client, BUCKET).replicas(replicas);
    store.prepare(LEASE).await.unwrap();
    let left = |id: &&str| (format!("s.{}", URL_SAFE_NO_PAD.encode(id)), LEFT);
    let free = |shard: u32| (format!("o.{shard}"), FREE);
    for (key, record) in ids.iter().map(left).chain((0..COUNT).map(free)) {
        store.write(&key, 0, record.into(), None).await.unwrap();
    }
}

async fn join(server: &Server, id: &str) -> Shards {
    join_with(server.client().await.unwrap(), id).await
}

async fn join_with(client: Client, id: &str) -> Shards {
    node(id).start(client).await.unwrap()
}

/// The tokens under which each shard is open at these nodes.
type Tokens = BTreeMap<u32, u64>;

fn tokens(nodes: &[&Shards]) -> Tokens {
    let owned = nodes.iter().flat_map(|node| node.owned());
    owned
        .map(|shard| (shard.index(), shard.token().into()))
        .collect()
}

/// Waits until each shard is open at one of these nodes, under a later token than before.
async fn all_open_after(before: &Tokens, nodes: &[&Shards]) -> Tokens {
    let is_later = |(shard, token): (&u32, &u64)| before.get(shard).is_none_or(|old| token > old);
    let open = async || {
        let tokens = tokens(nodes);
        let is_open = tokens.len() == COUNT as usize && tokens.iter().all(is_later);
        is_open.then_some(tokens)
    };
    let all = eventually("a leader for each shard", BOUND, open).await;
    all.unwrap_or_else(|error| panic!("{error}: {nodes:?}, {:?}", tokens(nodes)))
}

/// Waits until each shard is open at one of these nodes.
async fn all_open(nodes: &[&Shards]) -> Tokens {
    all_open_after(&Tokens::new(), nodes).await
}

/// Waits until these nodes lead equal parts.
async fn spread(nodes: &[&Shards]) -> Tokens {
    let parts = async || {
        let owned = nodes.iter().map(|node| node.owned().len());
        let is_equal = owned.clone().sum::<usize>() == COUNT as usize
            && owned.clone().max()? - owned.min()? <= 1;
        is_equal.then_some(())
    };
    let equal = eventually("equal parts", BOUND, parts).await;
    equal.unwrap_or_else(|error| panic!("{error}: {nodes:?}"));
    tokens(nodes)
}

async fn until(node: &Shards, wanted: ShardsStatus) {
    let mut status = node.watch();
    let reached = status.wait_for(|status| *status == wanted);
    let reached = tokio::time::timeout(BOUND, reached).await;
    reached
        .unwrap_or_else(|_| panic!("{node:?} is not {wanted}"))
        .unwrap();
}

/// Waits until a node has no session, and none of its gates is open.
async fn lost(node: &Shards) {
    until(node, ShardsStatus::Joining).await;
    assert!(node.owned().is_empty());
}
