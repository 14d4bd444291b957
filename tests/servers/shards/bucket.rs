//! Buckets that are deleted while nodes run, and buckets that were made for something else.

use std::time::Duration;

use async_nats::jetstream::{self, kv};
use noleader::{LeaderHandle, Shards, StartError, store::StoreError};
use noleader_fixture::Server;
use serde_json::{Value, json};

use super::{
    BUCKET, COUNT, STREAM, all_open, all_open_after, join, lost, node, tokens, used_before,
};
use crate::{
    lines::Lines,
    support::{LEASE, Watchman, elected, steady},
    unfit::api,
};

async fn delete_bucket(server: &Server) {
    let context = jetstream::new(server.client().await.unwrap());
    context.delete_key_value(BUCKET).await.unwrap();
}

#[tokio::test]
async fn a_deleted_bucket_is_made_again() {
    let (lines, _guard) = Lines::collect();
    let server = Server::start().await.unwrap();
    used_before(server.client().await.unwrap(), &["a", "b"], 1).await;
    let (a, b) = (join(&server, "a").await, join(&server, "b").await);
    let mut before = all_open(&[&a, &b]).await;
    let watchman = Watchman::over_shards(&[&a, &b]);
    for _ in 0..2 {
        delete_bucket(&server).await;
        before = all_open_after(&before, &[&a, &b]).await;
    }
    let missed = lines.with(&[" ERROR ", "bucket was missing; recreated it"]);
    assert!(!missed.is_empty(), "{lines}");
    assert!(watchman.dismiss().await > 0);
}

#[tokio::test]
async fn a_node_that_may_not_create_the_bucket_waits_for_it() {
    let (lines, _guard) = Lines::collect();
    let server = Server::start().await.unwrap();
    let guest = async |id| {
        let client = server.client().await.unwrap();
        node(id).create_bucket(false).start(client).await
    };
    match guest("a").await.unwrap_err() {
        StartError::Store(StoreError::BucketMissing { bucket, command }) => {
            assert_eq!(bucket, BUCKET);
            assert!(command.contains("--deny-purge"), "{command}");
        }
        other => panic!("{other:?}"),
    }
    used_before(server.client().await.unwrap(), &["a"], 1).await;
    let a = guest("a").await.unwrap();
    let before = all_open(&[&a]).await;
    delete_bucket(&server).await;
    lost(&a).await;
    lines
        .until(&["nats stream add KV_order_shards", "does not exist"])
        .await;
    assert!(
        jetstream::new(server.client().await.unwrap())
            .get_stream(STREAM)
            .await
            .is_err()
    );
    // Another node makes it.
    let b = join(&server, "b").await;
    all_open_after(&before, &[&a, &b]).await;
}

/// The setting for which a node rejects the bucket, and the remedy.
async fn refused(server: &Server) -> (&'static str, String) {
    let client = server.client().await.unwrap();
    match node("a").start(client).await {
        Err(StartError::Store(StoreError::BucketUnfit {
            setting, remedy, ..
        })) => (setting, remedy),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_bucket_of_an_election_is_refused() {
    let server = Server::start().await.unwrap();
    let context = jetstream::new(server.client().await.unwrap());
    let config = kv::Config {
        bucket: BUCKET.to_owned(),
        ..Default::default()
    };
    context.create_key_value(config).await.unwrap();
    let (setting, remedy) = refused(&server).await;
    assert_eq!(setting, "deny_purge");
    assert!(
        remedy.contains("nats stream edit KV_order_shards"),
        "{remedy}"
    );

    delete_bucket(&server).await;
    let leader = LeaderHandle::builder(BUCKET, "writer").lease(LEASE);
    let client = server.client().await.unwrap();
    let leader = leader.start(client).await.unwrap();
    let (setting, remedy) = refused(&server).await;
    assert_eq!(setting, "max_age");
    assert!(remedy.contains("--max-age=0s"), "{remedy}");
    elected(&leader).await;
}

/// It is not what the bucket is for, but the key of an election is no key of the shards.
#[tokio::test]
async fn an_election_in_the_bucket_disturbs_no_shard() {
    let server = Server::start().await.unwrap();
    used_before(server.client().await.unwrap(), &["a"], 1).await;
    let a = join(&server, "a").await;
    let before = all_open(&[&a]).await;
    let _ = steady("x");
    let leader = async |id: &str| {
        let leader = LeaderHandle::builder(BUCKET, "writer").id(id).lease(LEASE);
        let client = server.client().await.unwrap();
        leader.start(client).await.unwrap()
    };
    let b = leader("b").await;
    let first = elected(&b).await;
    let c = leader("c").await;
    b.shutdown().await.unwrap();
    assert!(elected(&c).await.token() > first.token());
    assert_eq!(tokens(&[&a]), before);
    a.shutdown().await.unwrap();
    c.shutdown().await.unwrap();
}

/// Someone recreates the bucket by hand, and not as shards need it. Nothing opens until its settings are corrected.
#[tokio::test]
async fn a_bucket_made_again_with_wrong_settings_opens_nothing() {
    let (lines, _guard) = Lines::collect();
    let server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    used_before(client.clone(), &["a"], 1).await;
    let guest = node("a").create_bucket(false);
    let a = guest.start(server.client().await.unwrap()).await.unwrap();
    let before = all_open(&[&a]).await;
    let info = api(&client, &format!("STREAM.INFO.{STREAM}"), &Value::Null).await;
    let fit = info["config"].clone();
    delete_bucket(&server).await;
    let mut unfit = fit.clone();
    unfit["max_age"] = json!(Duration::from_secs(3600).as_nanos() as u64);
    unfit["first_seq"] = json!(1);
    api(&client, &format!("STREAM.CREATE.{STREAM}"), &unfit).await;
    let used = "the bucket of the shards cannot be used; retrying";
    lines.until(&[" ERROR ", used, "max_age"]).await;
    lost(&a).await;
    unfit["max_age"] = json!(0);
    api(&client, &format!("STREAM.UPDATE.{STREAM}"), &unfit).await;
    all_open_after(&before, &[&a]).await;
}

/// Nodes of one bucket agree on the number of shards and on the lease.
#[tokio::test]
async fn other_settings_than_those_of_the_bucket_are_refused() {
    let server = Server::start().await.unwrap();
    let a = join(&server, "a").await;
    let other = async |builder: noleader::ShardsBuilder| {
        let client = server.client().await.unwrap();
        builder.start(client).await.unwrap_err().to_string()
    };
    let error = other(Shards::builder(BUCKET, COUNT + 1).lease(LEASE * 3)).await;
    let wanted = "bucket `order_shards` has the number of shards 12: start each node with 12 shards, or use another bucket";
    assert_eq!(error, wanted);
    let error = other(Shards::builder(BUCKET, COUNT).lease(LEASE * 4)).await;
    let wanted = "bucket `order_shards` has a lease of 6000 ms: start each node with a lease of 6000 ms, or use another bucket";
    assert_eq!(error, wanted);
    a.shutdown().await.unwrap();
}
