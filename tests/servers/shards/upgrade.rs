//! A cluster whose servers are upgraded one after the other, as docs/nats.md describes.

use std::time::Duration;

use noleader_fixture::{Cluster, PINNED};

use super::{STREAM, all_open, cluster::renewed_twice, node, tokens, used_before};

const BEFORE: &str = "2.12.8";

#[tokio::test(flavor = "multi_thread")]
async fn rolling_upgrade_ends_no_term() {
    let mut cluster = Cluster::builder()
        .version(BEFORE)
        .config("lame_duck_duration: 30s\nlame_duck_grace_period: 2s")
        .start()
        .await
        .unwrap();
    used_before(cluster.client().await.unwrap(), &["a", "b"], 3).await;
    let join = async |id: &str| {
        let builder = node(id).replicas(3).lease(Duration::from_secs(15));
        let client = cluster.client().await.unwrap();
        builder.start(client).await.unwrap()
    };
    let (a, b) = (join("a").await, join("b").await);
    let before = super::spread(&[&a, &b]).await;
    let hold = |when: &str| assert_eq!(tokens(&[&a, &b]), before, "{when}");
    for member in 0..3 {
        cluster.server(member).lame_duck().await.unwrap();
        hold("in lame-duck mode");
        cluster.server_mut(member).upgrade(PINNED).await.unwrap();
        cluster.wait_ready().await.unwrap();
        cluster.wait_current(STREAM).await.unwrap();
        renewed_twice(&[&a, &b]).await;
        hold("after a restart");
    }
    let version = cluster.client().await.unwrap().server_info().version;
    assert_eq!(version, PINNED);
    // The new servers carry a hand-over.
    a.shutdown().await.unwrap();
    all_open(&[&b]).await;
}
