//! A replicated bucket of shards, in a cluster whose members fail.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use noleader::{
    Shards, ShardsBuilder,
    store::{JetStreamShards, ShardStore},
};
use noleader_fixture::{Cluster, eventually};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{BUCKET, STREAM, all_open, node, tokens, used_before};
use crate::support::{BOUND, Watchman};

/// A node with the default lease.
fn replicated(id: &str) -> ShardsBuilder {
    node(id).replicas(3).lease(Duration::from_secs(15))
}

/// Waits until the sessions of the nodes were renewed twice, so that at least one renewal was sent after this call.
pub(super) async fn renewed_twice(nodes: &[&Shards]) {
    for node in nodes {
        let Some(shard) = node.owned().into_iter().next() else {
            continue;
        };
        for _ in 0..2 {
            let mut left = shard.term().remaining();
            let renewed = async || {
                let before = std::mem::replace(&mut left, shard.term().remaining());
                (left > before).then_some(())
            };
            eventually("a renewal", BOUND, renewed).await.unwrap();
        }
    }
}

#[tokio::test]
async fn terms_survive_the_death_of_the_streams_leader() {
    let mut cluster = Cluster::start().await.unwrap();
    used_before(cluster.client().await.unwrap(), &["a", "b"], 3).await;
    let join = async |id| {
        let client = cluster.client().await.unwrap();
        replicated(id).start(client).await.unwrap()
    };
    let (a, b) = (join("a").await, join("b").await);
    let before = all_open(&[&a, &b]).await;
    let watchman = Watchman::over_shards(&[&a, &b]);
    let victim = cluster.stream_leader(STREAM).await.unwrap();
    cluster.server_mut(victim).kill();
    cluster.new_stream_leader(STREAM, victim).await.unwrap();
    renewed_twice(&[&a, &b]).await;
    assert_eq!(tokens(&[&a, &b]), before);

    a.shutdown().await.unwrap();
    all_open(&[&b]).await;
    assert!(watchman.dismiss().await > 0);
}

/// The followers, one after the other, answer nothing for a while. Nodes are connected to them too.
#[tokio::test]
async fn a_paused_follower_costs_only_the_shards_of_its_nodes() {
    let (lines, _guard) = crate::lines::Lines::collect();
    let cluster = Cluster::start().await.unwrap();
    used_before(cluster.client().await.unwrap(), &["a", "b", "c"], 3).await;
    let leader = cluster.stream_leader(STREAM).await.unwrap();
    let join = async |id, server: usize| {
        let client = cluster.server(server).client().await.unwrap();
        replicated(id).start(client).await.unwrap()
    };
    let (first, second) = ((leader + 1) % 3, (leader + 2) % 3);
    let (a, b) = (join("a", leader).await, join("b", first).await);
    let c = join("c", second).await;
    let nodes = [&a, &b, &c];
    super::spread(&nodes).await;
    let watchman = Watchman::over_shards(&nodes);
    for (cut, node) in [(first, &b), (second, &c)] {
        cluster.server(cut).pause().unwrap();
        super::lost(node).await;
        let others: Vec<_> = nodes.into_iter().filter(|n| n.id() != node.id()).collect();
        all_open(&others).await;
        cluster.server(cut).resume().unwrap();
        super::spread(&nodes).await;
    }
    let lost = lines.with(&["lost all shards: no renewal was acknowledged"]);
    assert_eq!(lost.len(), 2, "{lines}");
    let lost = lines.with(&[" lost "]);
    assert_eq!(lost.len(), 2, "{lines}");
    assert!(watchman.dismiss().await > 0);
}

/// A server that led the stream, and was paused while another one was elected.
#[tokio::test]
async fn a_deposed_leader_of_the_stream_is_no_loss_of_data() {
    let cluster = Cluster::start().await.unwrap();
    used_before(cluster.client().await.unwrap(), &["a", "b"], 3).await;
    let (lines, _guard) = crate::lines::Lines::collect();
    let deposed = cluster.stream_leader(STREAM).await.unwrap();
    let client = cluster.server(deposed).client().await.unwrap();
    let a = replicated("a").start(client).await.unwrap();
    let client = cluster.server((deposed + 1) % 3).client().await.unwrap();
    let b = replicated("b").start(client).await.unwrap();
    super::spread(&[&a, &b]).await;
    let watchman = Watchman::over_shards(&[&a, &b]);
    cluster.server(deposed).pause().unwrap();
    cluster.new_stream_leader(STREAM, deposed).await.unwrap();
    renewed_twice(&[&b]).await;
    cluster.server(deposed).resume().unwrap();
    super::spread(&[&a, &b]).await;
    renewed_twice(&[&a, &b]).await;
    let wrong = lines.with(&["the server lost data"]);
    assert_eq!(wrong, [""; 0], "{lines}");
    assert!(watchman.dismiss().await > 0);
}

/// A watch with a lower last revision than a node has seen means lost data. The former leader answers `STREAM.INFO` with
/// one for some milliseconds. A watch asks after its consumer was created, for which the former leader has no majority.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_watch_shows_the_state_of_a_former_leader() {
    let cluster = Cluster::start().await.unwrap();
    used_before(cluster.client().await.unwrap(), &[], 3).await;
    let former = cluster.stream_leader(STREAM).await.unwrap();
    let store = async |server: usize| {
        let client = cluster.server(server).client().await.unwrap();
        JetStreamShards::new(client, BUCKET)
    };
    let mut stores = Vec::new();
    for server in (0..3).cycle().take(30) {
        stores.push(store(server).await);
    }
    cluster.server(former).pause().unwrap();
    let leader = cluster.new_stream_leader(STREAM, former).await.unwrap();
    let writer = store(leader).await;
    let write = async || writer.write("x", 0, b"x".to_vec(), None).await.ok();
    let last = eventually("a write", BOUND, write).await.unwrap();
    let (opened, stop) = (Arc::<AtomicUsize>::default(), CancellationToken::new());
    let mut watching = JoinSet::new();
    for store in stores {
        let (opened, stop) = (opened.clone(), stop.clone());
        watching.spawn(async move {
            while !stop.is_cancelled() {
                // Servers that elect leaders answer with errors.
                if let Ok(watch) = store.watch(last).await {
                    assert!(watch.last_revision() >= last);
                    opened.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    cluster.server(former).resume().unwrap();
    let many = async || (opened.load(Ordering::Relaxed) > 500).then_some(());
    eventually("many watches", BOUND, many).await.unwrap();
    stop.cancel();
    while let Some(watched) = watching.join_next().await {
        watched.unwrap();
    }
}
