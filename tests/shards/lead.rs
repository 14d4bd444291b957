//! How nodes come to lead shards, and hand them over.

use noleader::{ShardId, store::MemoryShards};
use noleader_fixture::eventually;

use crate::support::{BOUND, SHARDS, node, owns};

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
