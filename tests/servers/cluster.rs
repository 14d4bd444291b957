//! A replicated bucket whose stream leader dies.

use std::time::Duration;

use noleader::LeaderHandle;
use noleader_fixture::Cluster;

use crate::{
    lines::Lines,
    support::{elected, follows},
};

#[tokio::test]
async fn gate_stays_open_when_the_stream_leader_dies() {
    let (lines, _guard) = Lines::collect();
    let mut cluster = Cluster::start().await.unwrap();
    let default = |id: &str| {
        LeaderHandle::builder("elections", "writer")
            .id(id)
            .replicas(3)
    };
    let a = default("a")
        .dangerous_trust_absent_key(true)
        .start(cluster.client().await.unwrap());
    let a = a.await.unwrap();
    let term = elected(&a).await;
    let b = default("b")
        .start(cluster.client().await.unwrap())
        .await
        .unwrap();
    follows(&b, "a").await;

    let victim = cluster.stream_leader("KV_elections").await.unwrap();
    cluster.server_mut(victim).kill();
    let survived = cluster
        .new_stream_leader("KV_elections", victim)
        .await
        .unwrap();
    assert_ne!(survived, victim);
    // Well past the lease that was running when the server died, so that a renewal must have succeeded since.
    let lease = Duration::from_secs(15);
    let ended = tokio::time::timeout(lease + lease / 2, term.cancellation().cancelled()).await;
    assert!(ended.is_err(), "the term ended:\n{lines}");
    assert!(a.is_leader() && term.is_current());
    assert_eq!(a.term(), Some(term.clone()));

    a.step_down().await.unwrap();
    assert!(elected(&b).await.token() > term.token());
}
