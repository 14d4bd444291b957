//! Work for each shard.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
};

use noleader::{RunError, Shard, store::MemoryShards};
use noleader_fixture::eventually;

use crate::support::{BOUND, SHARDS, node, owns};

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
