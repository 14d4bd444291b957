//! What a closure for the key may return.

use std::borrow::Cow;

use axum::{Router, body::Body};
use http::Request;
use noleader::{LeaderOnlyLayer, ShardId, ShardKey, middleware::ShardSet};

use super::cluster::{ADDRESSES, Cluster, app, post, send, text};

/// Nodes `a` leads all shards.
async fn cluster() -> Cluster {
    Cluster::led_by(&[Some(0); 5], &ADDRESSES[..1]).await
}

/// Which shard serves a request with this key.
async fn served<K: ShardKey>(
    cluster: &Cluster,
    key: impl Fn(&Request<Body>) -> K + Clone + Send + Sync + 'static,
) -> String {
    let gate = LeaderOnlyLayer::sharded(cluster.shards(0), key);
    let app: Router = app(0).layer(gate);
    text(send(&app, post("/")).await).await
}

#[tokio::test(start_paused = true)]
async fn text_integers_and_ids_are_keys() {
    let cluster = cluster().await;
    let count = cluster.shards(0).count();
    let of = |key: &str| format!("a leads {}", ShardId::of_key(key.as_bytes(), count));
    // From the table of `ShardId`, of 10 shards modulo 5.
    assert_eq!(of("customer-17"), "a leads 2");
    assert_eq!(served(&cluster, |_| "customer-17").await, of("customer-17"));
    assert_eq!(
        served(&cluster, |_| "customer-17".to_owned()).await,
        of("customer-17")
    );
    assert_eq!(served(&cluster, |_| Cow::Borrowed("a")).await, of("a"));
    assert_eq!(served(&cluster, |_| Some("a")).await, of("a"));
    assert_eq!(served(&cluster, |_| Some(String::from("a"))).await, of("a"));
    assert_eq!(served(&cluster, |_| ShardId::new(4)).await, "a leads 4");
    assert_eq!(
        served(&cluster, |_| Some(ShardId::new(3))).await,
        "a leads 3"
    );
    assert_eq!(served(&cluster, |_| 17).await, of("17"));
    assert_eq!(
        served(&cluster, |_| u64::MAX).await,
        of("18446744073709551615")
    );
    assert_eq!(
        served(&cluster, |_| i128::MIN).await,
        of(&i128::MIN.to_string())
    );
    assert_eq!(served(&cluster, |_| Some(-1_i8)).await, of("-1"));
    let none = served(&cluster, |_| None::<u32>).await;
    assert!(none.starts_with("the request has no key"), "{none}");
}

/// Not every key belongs to one shard, so that the test above can fail.
#[tokio::test(start_paused = true)]
async fn keys_spread_over_the_shards() {
    let cluster = cluster().await;
    let count = cluster.shards(0).count();
    let keys = (0_u64..100).map(|key| key.shard(count).unwrap());
    let mut shards: Vec<_> = keys.collect();
    shards.sort();
    shards.dedup();
    assert_eq!(shards.len(), usize::try_from(count.get()).unwrap());
}
