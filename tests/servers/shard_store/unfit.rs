//! Buckets that cannot keep the records of sharded leadership.

use async_nats::{Client, jetstream};
use noleader::store::{JetStreamShards, ShardStore, Storage, StoreError};
use noleader_fixture::{PINNED, Server};
use serde_json::{Map, Value, json};

use super::{BUCKET, STREAM, store, write};
use crate::{lines::Lines, support::LEASE, unfit::api};

/// The settings of the bucket.
async fn settings(client: &Client) -> Map<String, Value> {
    let info = api(client, &format!("STREAM.INFO.{STREAM}"), &Value::Null).await;
    info["config"].as_object().unwrap().clone()
}

async fn create(client: &Client, usual: &Map<String, Value>, other: Value) {
    let mut settings = usual.clone();
    settings.extend(other.as_object().unwrap().clone());
    let request = format!("STREAM.CREATE.{STREAM}");
    api(client, &request, &settings.into()).await;
}

async fn delete(client: &Client, stream: &str) {
    let context = jetstream::new(client.clone());
    context.delete_stream(stream).await.unwrap();
}

/// The setting for which the bucket is rejected, and the remedy.
async fn refused(client: &Client) -> (&'static str, String) {
    let store = JetStreamShards::new(client.clone(), BUCKET);
    match store.prepare(LEASE).await {
        Err(StoreError::BucketUnfit {
            setting, remedy, ..
        }) => (setting, remedy),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn unfit_bucket_is_rejected_by_its_setting() {
    let server = Server::builder().version(PINNED).start().await.unwrap();
    let client = server.client().await.unwrap();
    let _ = store(client.clone()).await;
    let mut usual = settings(&client).await;
    // A mirror and a source allow no first sequence.
    usual.remove("first_seq");
    delete(&client, STREAM).await;
    let other = json!({"name": "other", "subjects": ["other"]});
    api(&client, "STREAM.CREATE.other", &other).await;
    for (setting, settings) in [
        ("persist_mode", json!({"persist_mode": "async"})),
        ("sources", json!({"sources": [{"name": "other"}]})),
        (
            "mirror",
            json!({"subjects": null, "discard": "old", "mirror": {"name": "other"}}),
        ),
        (
            "subject_transform",
            json!({"subject_transform": {"src": "$KV.order_shards.>", "dest": "$KV.order_shards.a.>"}}),
        ),
        ("subjects", json!({"subjects": ["$KV.order_shards.>", "a"]})),
        ("subjects", json!({"subjects": ["$KV.order_shards.o.*"]})),
        ("retention", json!({"retention": "interest"})),
        ("retention", json!({"retention": "workqueue"})),
        ("max_age", json!({"max_age": 86_400_000_000_000u64})),
        ("max_msgs_per_subject", json!({"max_msgs_per_subject": 2})),
        ("max_msgs_per_subject", json!({"max_msgs_per_subject": -1})),
        ("max_msgs", json!({"max_msgs": 1_000_000})),
        ("max_bytes", json!({"max_bytes": 1_000_000})),
        ("max_msg_size", json!({"max_msg_size": 4095})),
        ("deny_delete", json!({"deny_delete": false})),
        ("deny_purge", json!({"deny_purge": false})),
        ("no_ack", json!({"no_ack": true})),
        (
            "discard_new_per_subject",
            json!({"discard_new_per_subject": true}),
        ),
        (
            "allow_msg_counter",
            json!({"allow_msg_counter": true, "allow_msg_ttl": false, "discard": "old"}),
        ),
    ] {
        create(&client, &usual, settings).await;
        let (found, remedy) = refused(&client).await;
        assert_eq!(found, setting);
        assert!(!remedy.is_empty());
        delete(&client, STREAM).await;
    }
    create(&client, &usual, json!({})).await;
    let sealed = Value::Object(usual.clone());
    let mut sealed = sealed.as_object().unwrap().clone();
    sealed.insert("sealed".to_owned(), true.into());
    let update = format!("STREAM.UPDATE.{STREAM}");
    api(&client, &update, &sealed.into()).await;
    assert_eq!(refused(&client).await.0, "sealed");
}

/// A bucket of an election, as `start` and `nats kv add` create it.
#[tokio::test]
async fn bucket_of_an_election_is_rejected() {
    let server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    let config = jetstream::kv::Config {
        bucket: BUCKET.to_owned(),
        ..Default::default()
    };
    let context = jetstream::new(client.clone());
    context.create_key_value(config).await.unwrap();
    let (setting, remedy) = refused(&client).await;
    assert_eq!(setting, "deny_purge");
    assert!(remedy.contains("--deny-purge"), "{remedy}");
}

#[tokio::test]
async fn change_to_an_unfit_setting_is_logged_by_the_next_watch() {
    let server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    let (lines, _guard) = Lines::collect();
    let store = store(client.clone()).await;
    drop(store.watch(0).await.unwrap());
    assert!(lines.with(&["ERROR"]).is_empty(), "{lines}");
    let mut settings = settings(&client).await;
    settings.insert("max_age".to_owned(), 86_400_000_000_000u64.into());
    let update = format!("STREAM.UPDATE.{STREAM}");
    api(&client, &update, &settings.into()).await;
    for _ in 0..2 {
        drop(store.watch(0).await.unwrap());
        let logged = lines.with(&[" ERROR ", "bucket was changed", "max_age"]);
        assert_eq!(logged.len(), 1, "{lines}");
    }
}

#[tokio::test]
async fn bucket_is_created_with_the_settings_of_the_store() {
    let server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    let store = JetStreamShards::new(client.clone(), BUCKET).storage(Storage::Memory);
    let before = std::time::SystemTime::now();
    let before = before.duration_since(std::time::UNIX_EPOCH).unwrap();
    store.prepare(LEASE).await.unwrap();
    let settings = settings(&client).await;
    assert_eq!(settings["storage"], "memory");
    assert_eq!(settings["allow_msg_ttl"], true);
    // A recreated bucket repeats no revision.
    let first = write(&store, "o.1", "a").await;
    assert!(u128::from(first) >= before.as_millis(), "{first}");

    for (store, setting) in [
        (JetStreamShards::new(client.clone(), "a b"), "bucket"),
        (
            JetStreamShards::new(client.clone(), "a").replicas(6),
            "replicas",
        ),
        (
            JetStreamShards::new(client.clone(), "a").domain("a b"),
            "domain",
        ),
        (
            JetStreamShards::new(client.clone(), "a").api_prefix("a.>"),
            "api_prefix",
        ),
    ] {
        let Err(StoreError::Config(error)) = store.prepare(LEASE).await else {
            panic!("{setting}");
        };
        assert_eq!(error.setting(), setting);
    }
}
