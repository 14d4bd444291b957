//! A cluster whose servers are upgraded one after the other, as docs/nats.md describes.

use std::time::Duration;

use noleader::{LeaderHandle, Term};
use noleader_fixture::{Cluster, PINNED};

use crate::support::{elected, follows};

const BEFORE: &str = "2.12.8";

/// Two candidates, of which the first leads.
struct Election {
    key: &'static str,
    lease: Duration,
    leader: LeaderHandle,
    follower: LeaderHandle,
    term: Term,
}

impl Election {
    async fn start(cluster: &Cluster, key: &'static str, lease: Duration) -> Self {
        let candidate = async |id: &str| {
            let builder = LeaderHandle::builder("elections", key).id(id).replicas(3);
            let builder = builder.lease(lease).dangerous_trust_absent_key(true);
            let client = cluster.client().await.unwrap();
            builder.start(client).await.unwrap()
        };
        let leader = candidate("a").await;
        let term = elected(&leader).await;
        let follower = candidate("b").await;
        follows(&follower, "a").await;
        Self {
            key,
            lease,
            leader,
            follower,
            term,
        }
    }

    fn holds(&self, when: &str) {
        let (key, lease) = (self.key, self.lease);
        assert!(self.term.is_current(), "{key} with {lease:?}: lost {when}");
        assert_eq!(
            self.leader.term().as_ref(),
            Some(&self.term),
            "{key} {when}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rolling_upgrade_ends_no_term() {
    let mut cluster = Cluster::builder()
        .version(BEFORE)
        .config("lame_duck_duration: 30s\nlame_duck_grace_period: 2s")
        .start()
        .await
        .unwrap();
    // The default lease, and a short one.
    let elections = [
        Election::start(&cluster, "writer", Duration::from_secs(15)).await,
        Election::start(&cluster, "short", Duration::from_secs(5)).await,
    ];
    for member in 0..3 {
        cluster.server(member).lame_duck().await.unwrap();
        for election in &elections {
            election.holds("in lame-duck mode");
        }
        cluster.server_mut(member).upgrade(PINNED).await.unwrap();
        cluster.wait_ready().await.unwrap();
        cluster.wait_current("KV_elections").await.unwrap();
        for election in &elections {
            election.holds("after a restart");
        }
    }
    let version = cluster.client().await.unwrap().server_info().version;
    assert_eq!(version, PINNED);
    // The election works on the new servers.
    for election in elections {
        election.leader.shutdown().await.unwrap();
        let next = elected(&election.follower).await;
        assert!(next.token() > election.term.token());
    }
}
