//! A cluster whose servers are upgraded one after the other, as docs/nats.md describes.

use noleader::LeaderHandle;
use noleader_fixture::{Cluster, PINNED};

use crate::support::{elected, follows};

const BEFORE: &str = "2.12.8";

#[tokio::test(flavor = "multi_thread")]
async fn rolling_upgrade_ends_no_term() {
    let mut cluster = Cluster::builder()
        .version(BEFORE)
        .config("lame_duck_duration: 30s\nlame_duck_grace_period: 2s")
        .start()
        .await
        .unwrap();
    let candidate = async |id: &str| {
        let builder = LeaderHandle::builder("elections", "writer").id(id);
        let builder = builder.replicas(3).dangerous_trust_absent_key(true);
        let client = cluster.client().await.unwrap();
        builder.start(client).await.unwrap()
    };
    let leader = candidate("a").await;
    let term = elected(&leader).await;
    let follower = candidate("b").await;
    follows(&follower, "a").await;
    let holds = |when: &str| {
        assert!(term.is_current(), "the term was lost {when}");
        assert_eq!(leader.term().as_ref(), Some(&term), "{when}");
    };
    for member in 0..3 {
        cluster.server(member).lame_duck().await.unwrap();
        holds("in lame-duck mode");
        cluster.server_mut(member).upgrade(PINNED).await.unwrap();
        cluster.wait_ready().await.unwrap();
        cluster.wait_current("KV_elections").await.unwrap();
        holds("after a restart");
    }
    let version = cluster.client().await.unwrap().server_info().version;
    assert_eq!(version, PINNED);
    // The election works on the new servers.
    leader.shutdown().await.unwrap();
    assert!(elected(&follower).await.token() > term.token());
}
