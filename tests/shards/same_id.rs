//! Two handles under one node id.

use noleader::{ShardsStatus, store::MemoryShards};
use noleader_fixture::eventually;

use crate::{
    lines::Lines,
    support::{BOUND, SHARDS, node, owns},
};

const IN_USE: [&str; 2] = [
    " WARN ",
    "another process takes part under the id of this node",
];

#[tokio::test]
async fn the_second_waits_and_says_why() {
    let (lines, _guard) = Lines::collect();
    let store = MemoryShards::new();
    let first = node(&store, "a").await;
    owns(&first, SHARDS as usize).await;
    let term = first.owned().remove(0);
    let second = node(&store, "a").await;
    lines.until(&IN_USE).await;
    let renewals = async || (lines.with(&["renewed the session"]).len() >= 5).then_some(());
    eventually("renewals", BOUND, renewals).await.unwrap();
    assert_eq!(lines.with(&IN_USE).len(), 1, "{lines}");
    assert_eq!(second.status(), ShardsStatus::Joining);
    assert!(term.is_current() && second.owned().is_empty());

    first.shutdown().await.unwrap();
    owns(&second, SHARDS as usize).await;
    assert!(second.admit(term.id()).unwrap().term().token() > term.token());
}
