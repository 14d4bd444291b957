//! Deleted and overwritten keys, deleted buckets, and the settings that an existing bucket must have.

use std::time::{Duration, Instant};

use async_nats::jetstream::{self, kv};
use noleader::{
    Builder, StartError, Status,
    store::{JetStream, LeaseStore, StoreError, WriteError},
};
use noleader_fixture::{Server, eventually};

use crate::{
    lines::Lines,
    support::{
        BOUND, LEASE, Watchman, bucket, candidate, elected, ended, follows, start, steady, until,
    },
};

#[tokio::test]
async fn deleted_key_ends_term_and_delays_the_next() {
    let server = Server::start().await.unwrap();
    let a = start(&server, candidate("a")).await;
    let old = elected(&a).await;
    let b = start(&server, candidate("b")).await;
    follows(&b, "a").await;
    let watchman = Watchman::over(&[&a, &b]);
    bucket(&server).await.delete("writer").await.unwrap();
    ended(&old).await;
    let begin = Instant::now();
    let new = tokio::select! {
        term = elected(&a) => term,
        term = elected(&b) => term,
    };
    // The candidates started to wait when the deletion was pushed to them, a little before `begin`.
    assert!(
        begin.elapsed() >= LEASE - Duration::from_millis(500),
        "{:?}",
        begin.elapsed()
    );
    assert!(new.token() > old.token());
    assert!(watchman.dismiss().await > 0);
}

#[tokio::test]
async fn purge_ends_the_term_by_the_next_renewal() {
    let server = Server::start().await.unwrap();
    let a = start(&server, candidate("a")).await;
    let old = elected(&a).await;
    let context = jetstream::new(server.client().await.unwrap());
    context
        .get_stream("KV_elections")
        .await
        .unwrap()
        .purge()
        .await
        .unwrap();
    ended(&old).await;
    assert!(elected(&a).await.token() > old.token());
}

#[tokio::test]
async fn garbage_ends_the_term_and_delays_the_next() {
    let server = Server::start().await.unwrap();
    let a = start(&server, candidate("a")).await;
    let old = elected(&a).await;
    bucket(&server)
        .await
        .put("writer", "{\"v\":99}".into())
        .await
        .unwrap();
    ended(&old).await;
    let begin = Instant::now();
    let new = elected(&a).await;
    assert!(
        begin.elapsed() >= LEASE - Duration::from_millis(500),
        "{:?}",
        begin.elapsed()
    );
    assert!(new.token() > old.token());
}

#[tokio::test]
async fn deleted_bucket_is_recreated_and_tokens_keep_growing() {
    let server = Server::start().await.unwrap();
    let a = start(&server, candidate("a")).await;
    elected(&a).await;
    a.step_down().await.unwrap();
    let old = elected(&a).await;
    let context = jetstream::new(server.client().await.unwrap());
    context.delete_key_value("elections").await.unwrap();
    ended(&old).await;
    let new = elected(&a).await;
    assert!(new.token() > old.token());
    // Only a working watch detects the deletion at once.
    bucket(&server).await.delete("writer").await.unwrap();
    ended(&new).await;
}

#[tokio::test]
async fn deleted_bucket_is_awaited_if_creation_is_off() {
    let server = Server::start().await.unwrap();
    let context = jetstream::new(server.client().await.unwrap());
    let config = || kv::Config {
        bucket: "elections".to_owned(),
        ..Default::default()
    };
    context.create_key_value(config()).await.unwrap();
    let a = start(&server, candidate("a").create_bucket(false)).await;
    let old = elected(&a).await;
    context.delete_key_value("elections").await.unwrap();
    ended(&old).await;
    until(&a, |status| *status == Status::Follower { leader: None }).await;
    context.create_key_value(config()).await.unwrap();
    assert!(elected(&a).await.token() > old.token());
}

#[tokio::test]
async fn bucket_is_created_with_settings_for_the_lease() {
    let server = Server::start().await.unwrap();
    let a = start(&server, candidate("a").lease(Duration::from_secs(600))).await;
    let status = bucket(&server).await.status().await.unwrap();
    assert_eq!(
        (status.history(), status.max_age()),
        (1, Duration::from_secs(6000))
    );
    a.shutdown().await.unwrap();
}

async fn refused(server: &Server, builder: Builder) -> StoreError {
    match builder.start(server.client().await.unwrap()).await {
        Err(StartError::Store(error)) => error,
        other => panic!("expected an error of the store, got {other:?}"),
    }
}

#[tokio::test]
async fn bucket_with_a_short_max_age_is_rejected() {
    let server = Server::start().await.unwrap();
    let context = jetstream::new(server.client().await.unwrap());
    let config = kv::Config {
        bucket: "elections".to_owned(),
        max_age: Duration::from_secs(10),
        ..Default::default()
    };
    context.create_key_value(config).await.unwrap();
    let error = refused(&server, candidate("a")).await;
    assert!(
        matches!(
            error,
            StoreError::BucketUnfit {
                setting: "max_age",
                ..
            }
        ),
        "{error}"
    );
    let _ = start(&server, candidate("a").lease(Duration::from_secs(1))).await;
}

#[tokio::test]
async fn missing_bucket_is_rejected_if_creation_is_off() {
    let server = Server::start().await.unwrap();
    let error = refused(&server, candidate("a").create_bucket(false)).await;
    assert!(matches!(error, StoreError::BucketMissing { .. }), "{error}");
    assert!(error.to_string().contains("nats kv add elections"));
}

#[tokio::test]
async fn observer_waits_for_bucket_without_creating_it() {
    let (lines, _guard) = Lines::collect();
    let server = Server::start().await.unwrap();
    let context = jetstream::new(server.client().await.unwrap());
    let observer = candidate("o").observe();
    let prepared = observer.clone().prepare(server.client().await.unwrap());
    prepared.await.unwrap();
    let observer = start(&server, observer.renew_every(LEASE / 20)).await;
    // Each read asks for the bucket.
    let asked = async || {
        let requests = context.query_account().await.unwrap().requests;
        (requests.total > 20).then_some(())
    };
    eventually("several reads", BOUND, asked).await.unwrap();
    assert!(context.get_stream("KV_elections").await.is_err());
    assert_eq!(observer.status(), Status::Follower { leader: None });
    let waiting = lines.with(&[" INFO ", "waiting for a candidate to create it"]);
    // One of `prepare`, and one of `start`.
    assert_eq!(waiting.len(), 2, "{lines}");
    assert!(lines.with(&["WARN"]).is_empty(), "{lines}");

    let a = steady("a").lease(LEASE * 300).renew_every(LEASE / 10);
    let a = start(&server, a).await;
    // With the settings of the candidate.
    let status = bucket(&server).await.status().await.unwrap();
    assert_eq!(status.max_age(), LEASE * 3000);
    let old = elected(&a).await;
    follows(&observer, "a").await;

    context.delete_key_value("elections").await.unwrap();
    ended(&old).await;
    let new = elected(&a).await.token();
    until(&observer, |status| {
        matches!(status, Status::Follower { leader: Some(leader) } if leader.token() == new)
    })
    .await;
}

#[tokio::test]
async fn election_waits_for_room_in_a_full_bucket() {
    let (lines, _guard) = Lines::collect();
    let server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    let context = jetstream::new(client.clone());
    let config = kv::Config {
        bucket: "elections".to_owned(),
        max_bytes: 2000,
        ..Default::default()
    };
    let bucket = context.create_key_value(config).await.unwrap();
    bucket.put("other", vec![0; 1900].into()).await.unwrap();
    let store = JetStream::new(client, "elections", "writer");
    let refused = store.write(0, vec![0; 500]).await.unwrap_err();
    let WriteError::Failed(error) = &refused else {
        panic!("{refused:?}");
    };
    let cause = std::error::Error::source(error).unwrap().to_string();
    let full = "maximum bytes exceeded (code 503, error code 10077)";
    assert_eq!(cause, full);

    let a = start(&server, candidate("a").dangerous_trust_absent_key(true)).await;
    lines
        .until(&[" WARN ", "lease store request failed", full])
        .await;
    assert!(!a.is_leader());
    bucket.purge("other").await.unwrap();
    elected(&a).await;
}
