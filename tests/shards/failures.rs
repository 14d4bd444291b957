//! What a node logs while some of its requests fail and others do not.

use std::{
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use noleader::{
    Shards,
    store::{
        BucketWatch, ElectionName, MemoryShards, Observation, ShardStore, StoreError, WriteError,
    },
    test_util::FakeClock,
};

use crate::{lines::Lines, support::advance_until};

const SHARDS: usize = 64;

/// A store in which each second write of a shard fails, `FAILURES` times.
#[derive(Debug, Default)]
struct Flaky(MemoryShards, AtomicUsize);

const FAILURES: usize = 20;

impl ShardStore for Flaky {
    fn name(&self) -> ElectionName {
        self.0.name()
    }

    async fn prepare(&self, lease: Duration) -> Result<(), StoreError> {
        self.0.prepare(lease).await
    }

    async fn read(&self, key: &str) -> Result<Observation, StoreError> {
        self.0.read(key).await
    }

    async fn write(
        &self,
        key: &str,
        expected: u64,
        value: Vec<u8>,
        removed_after: Option<Duration>,
    ) -> Result<u64, WriteError> {
        if key.starts_with("o.") {
            let number = self.1.fetch_add(1, SeqCst);
            if number % 2 == 1 && number < 2 * FAILURES {
                return Err(WriteError::Failed(StoreError::Disconnected));
            }
        }
        self.0.write(key, expected, value, removed_after).await
    }

    async fn watch(&self, after: u64) -> Result<BucketWatch, StoreError> {
        self.0.watch(after).await
    }
}

#[tokio::test]
async fn failures_among_successes_are_one_series() {
    let (lines, _collecting) = Lines::collect();
    let clock = FakeClock::new();
    let node = Shards::with_store(Flaky::default(), 64)
        .id("a")
        .lease(Duration::from_secs(6))
        .clock(clock.clone())
        .start()
        .await
        .unwrap();
    let failed = || lines.with(&["a request to the bucket of the shards failed; retrying"]);
    let over = || lines.with(&["the bucket of the shards is reachable again"]);
    advance_until(&clock, || {
        node.owned().len() == SHARDS && !over().is_empty()
    })
    .await;
    let again = lines.with(&["failed again"]);
    assert_eq!(
        (failed().len(), over().len(), again.len()),
        (1, 1, FAILURES - 1),
        "{lines}"
    );
}
