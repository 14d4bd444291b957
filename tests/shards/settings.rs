//! Settings out of bounds, each refused with an error that names the setting and its bounds.

use std::time::Duration;

use noleader::{Shards, ShardsBuilder, StartError, store::MemoryShards};

use crate::support::{LEASE, owns};

type Change = fn(ShardsBuilder<MemoryShards>) -> ShardsBuilder<MemoryShards>;

async fn refused(shards: u32, change: Change) -> (&'static str, String) {
    let builder = Shards::with_store(MemoryShards::new(), shards).lease(LEASE);
    match change(builder).start().await {
        Err(StartError::Config(error)) => (error.setting(), error.to_string()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn each_setting_out_of_bounds_is_named() {
    const MS: Duration = Duration::from_millis(1);
    let cases: [(u32, Change, &str, &str); 17] = [
        (0, |b| b, "shards", "between 1 and 65536"),
        (65_537, |b| b, "shards", "between 1 and 65536"),
        (u32::MAX, |b| b, "shards", "between 1 and 65536"),
        (1, |b| b.lease(LEASE - MS), "lease", "between 2 s and 24 h"),
        (
            1,
            |b| b.lease(Duration::ZERO),
            "lease",
            "between 2 s and 24 h",
        ),
        (
            1,
            |b| b.lease(Duration::MAX),
            "lease",
            "between 2 s and 24 h",
        ),
        (1, |b| b.weight(0), "weight", "between 1 and 1000"),
        (1, |b| b.weight(1_001), "weight", "between 1 and 1000"),
        (1, |b| b.id(""), "id", "1 to"),
        (1, |b| b.id("x".repeat(100_000)), "id", "1 to"),
        (1, |b| b.address("10.0.0.7:8080"), "address", "absolute URI"),
        (1, |b| b.address("http://"), "address", "URI"),
        (1, |b| b.address("http://u:p@host"), "address", "it must"),
        (1, |b| b.address(""), "address", "URI"),
        (
            1,
            |b| b.renew_every(LEASE),
            "renew_every",
            "between 10 ms and",
        ),
        (
            1,
            |b| b.renew_every(Duration::ZERO),
            "renew_every",
            "between 10 ms and",
        ),
        (1, |b| b.max_clock_drift(2.0), "max_clock_drift", "between"),
    ];
    for (number, (shards, change, setting, bound)) in cases.into_iter().enumerate() {
        let (named, text) = refused(shards, change).await;
        assert_eq!(named, setting, "case {number}: {text}");
        assert!(text.contains(bound), "case {number}: {text}");
        assert!(text.contains(setting), "case {number}: {text}");
    }
}

#[tokio::test]
async fn settings_at_their_bounds_are_accepted() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    for (shards, weight, lease) in [(1, 1, LEASE), (65_536, 1_000, DAY)] {
        let builder = Shards::with_store(MemoryShards::new(), shards).lease(lease);
        let builder = builder.weight(weight).drain_timeout(Duration::MAX);
        let node = builder.start().await.unwrap();
        assert_eq!(node.count(), shards);
        node.shutdown().await.unwrap();
    }
}

/// The smallest and the largest weight side by side: every shard is led, and by its weight.
#[tokio::test]
async fn extreme_weights_are_balanced() {
    const COUNT: u32 = 1_001;
    let store = MemoryShards::new();
    let join = async |id: &str, weight| {
        let builder = Shards::with_store(store.clone(), COUNT).id(id);
        builder.lease(LEASE).weight(weight).start().await.unwrap()
    };
    let (light, heavy) = (join("light", 1).await, join("heavy", 1_000).await);
    owns(&light, 1).await;
    owns(&heavy, 1_000).await;
}
