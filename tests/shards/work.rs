//! Work for each shard.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
};

use noleader::{RunError, Shard, Shards, store::MemoryShards, test_util::FakeClock};
use noleader_fixture::eventually;

use crate::support::{BOUND, LEASE, SHARDS, advance_until, node, owns};

/// How often the work of each shard has begun, and how much of it runs now.
#[derive(Default)]
struct Ledger(Mutex<BTreeMap<u32, (u32, i32)>>);

impl Ledger {
    async fn run(&self, shard: Shard) {
        let change = |begun, running| {
            let mut ledger = self.0.lock().unwrap();
            let entry = ledger.entry(shard.index()).or_default();
            *entry = (entry.0 + begun, entry.1 + running);
            assert!(entry.1 <= 1, "two at once");
        };
        change(1, 1);
        shard.closing().cancelled().await;
        change(0, -1);
    }

    fn running(&self) -> usize {
        let ledger = self.0.lock().unwrap();
        ledger.values().filter(|(_, running)| *running == 1).count()
    }
}

#[tokio::test]
async fn each_shard_has_one_task_while_it_is_open() {
    let store = MemoryShards::new();
    let (a, b) = (node(&store, "a").await, node(&store, "b").await);
    let ledger = Arc::<Ledger>::default();
    let tasks: Vec<_> = [&a, &b]
        .map(|node| {
            let (node, ledger) = (node.clone(), ledger.clone());
            tokio::spawn(async move {
                let work = move |shard| {
                    let ledger = ledger.clone();
                    async move {
                        ledger.run(shard).await;
                        Ok::<(), io::Error>(())
                    }
                };
                node.run_each(work).await
            })
        })
        .into();
    let all = async || (ledger.running() == SHARDS as usize).then_some(());
    eventually("a task for each shard", BOUND, all)
        .await
        .unwrap();
    a.shutdown().await.unwrap();
    owns(&b, SHARDS as usize).await;
    eventually("a task for each shard", BOUND, all)
        .await
        .unwrap();
    b.shutdown().await.unwrap();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(ledger.running(), 0);
}

#[tokio::test]
async fn an_error_ends_the_loop_and_not_the_leadership() {
    let node = node(&MemoryShards::new(), "a").await;
    let work = |shard: Shard| async move {
        if shard.index() == 7 {
            return Err(io::Error::other("broken"));
        }
        std::future::pending().await
    };
    let error = node.run_each(work).await.unwrap_err();
    let error = error.downcast::<io::Error>().unwrap();
    assert_eq!(error.to_string(), "broken");
    owns(&node, SHARDS as usize).await;

    let work = |shard: Shard| async move {
        assert_ne!(shard.index(), 3, "on purpose");
        std::future::pending::<io::Result<()>>().await
    };
    let error = node.run_each(work).await.unwrap_err();
    assert!(matches!(error, RunError::Work(_)), "{error:?}");
}

/// Work that does not finish when the gate of its shard closes.
#[tokio::test]
async fn a_dropped_loop_drops_the_work_of_earlier_terms() {
    let (store, clock) = (MemoryShards::new(), FakeClock::new());
    let node = Shards::with_store(store.clone(), 1).id("a").lease(LEASE);
    let node = node.clock(clock.clone()).start().await.unwrap();
    let (runs, this) = (Arc::new(()), node.clone());
    let held = runs.clone();
    let task = tokio::spawn(async move {
        let work = move |_: Shard| {
            let held = held.clone();
            async move {
                let _held = held;
                std::future::pending::<io::Result<()>>().await
            }
        };
        this.run_each(work).await
    });
    let running = || Arc::strong_count(&runs) - 2;
    advance_until(&clock, || running() == 1).await;
    let first = node.owned().remove(0);
    store.delete("o.0");
    let has_next = || node.owned().iter().any(|shard| *shard != first);
    advance_until(&clock, has_next).await;
    assert_eq!(running(), 1, "the earlier work has its grace period");
    task.abort();
    // The clock stands still: the grace period does not end.
    let dropped = async || (Arc::strong_count(&runs) == 1).then_some(());
    eventually("the end of the work", BOUND / 10, dropped)
        .await
        .unwrap();
}
