//! The log of a node of shards on a real server.

use noleader::{Shards, ShardsBuilder, ShardsStatus};
use noleader_fixture::Server;
use tokio::time::timeout;

use crate::{
    elsewhere::{Elsewhere, owns},
    lines::Lines,
    support::{BOUND, LEASE},
};

const SHARDS: usize = 1_000;

fn node(id: &str) -> ShardsBuilder {
    Shards::builder("order_shards", 1_000)
        .id(id)
        .lease(LEASE * 3)
}

/// The log grows with the changes of nodes. Only lines at the level `debug` grow with the shards.
#[tokio::test]
async fn a_takeover_of_many_shards_logs_few_lines() {
    let server = Server::start().await.unwrap();
    let b = Elsewhere::start(&server, node("b"), SHARDS).await;
    let (lines, _guard) = Lines::collect();
    let a = node("a").start(server.client().await.unwrap());
    let a = a.await.unwrap();
    let mut status = a.watch();
    let joined = status.wait_for(|status| matches!(status, ShardsStatus::Member { .. }));
    timeout(BOUND, joined).await.unwrap().unwrap();
    b.crash().await;
    owns(&a, SHARDS).await;
    a.shutdown().await.unwrap();

    let opened = lines.with(&["DEBUG", "leading the shard", "token="]);
    assert!(opened.len() >= SHARDS, "{}", opened.len());
    let longest = opened.iter().map(String::len).max().unwrap();
    assert!(longest < 250, "{longest} bytes in a line");
    let loud: Vec<_> = ["ERROR", "WARN", "INFO"]
        .iter()
        .flat_map(|level| lines.with(&[&format!("{level} ")]))
        .collect();
    assert!(
        loud.iter().any(|line| line.contains("joined the shards")),
        "{loud:#?}"
    );
    assert!(
        loud.iter().any(|line| line.contains("left the shards")),
        "{loud:#?}"
    );
    assert!(loud.len() <= 20, "{} lines:\n{loud:#?}", loud.len());
}
