//! Nodes on a store in memory.

use std::time::Duration;

use noleader::{Shards, store::MemoryShards, test_util::FakeClock};
use noleader_fixture::eventually;

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
