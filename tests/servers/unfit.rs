//! Buckets that cannot keep a lease, or keep it only while nothing goes wrong.

use std::time::Duration;

use async_nats::{Client, jetstream};
use noleader::{Builder, StartError, Status, Storage, store::StoreError};
use noleader_fixture::{Cluster, PINNED, Server, eventually};
use serde_json::{Value, json};

use crate::{
    lines::Lines,
    support::{BOUND, LEASE, candidate, elected, follows, start, steady, until},
};

/// Sends a request to the JetStream API, which must succeed.
pub(crate) async fn api(client: &Client, request: &str, payload: &Value) -> Value {
    let context = jetstream::new(client.clone());
    let answer: Value = context.request(request.to_owned(), payload).await.unwrap();
    assert_eq!(answer.get("error"), None, "{request} {payload}");
    answer
}

/// The stream of a bucket as the NATS clients create it, with other settings.
fn stream(settings: Value) -> Value {
    let mut stream = json!({
        "name": "KV_elections",
        "subjects": ["$KV.elections.>"],
        "retention": "limits",
        "max_msgs_per_subject": 1,
        "discard": "new",
        "storage": "file",
        "num_replicas": 1,
        "allow_rollup_hdrs": true,
        "deny_delete": true,
        "allow_direct": true,
    });
    let Value::Object(settings) = settings else {
        panic!("{settings}")
    };
    let stream_settings = stream.as_object_mut().unwrap();
    for (setting, value) in settings {
        if value.is_null() {
            stream_settings.remove(&setting);
        } else {
            stream_settings.insert(setting, value);
        }
    }
    stream
}

async fn create(client: &Client, settings: Value) {
    api(client, "STREAM.CREATE.KV_elections", &stream(settings)).await;
}

async fn update(client: &Client, settings: Value) {
    api(client, "STREAM.UPDATE.KV_elections", &stream(settings)).await;
}

async fn delete(client: &Client, stream: &str) {
    let context = jetstream::new(client.clone());
    context.delete_stream(stream).await.unwrap();
}

/// The setting for which a candidate rejects the bucket.
async fn refused(client: &Client, builder: Builder) -> (&'static str, String) {
    match builder.start(client.clone()).await {
        Err(StartError::Store(StoreError::BucketUnfit { setting, found, .. })) => (setting, found),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn unfit_bucket_is_rejected_by_its_setting() {
    let server = Server::builder().version(PINNED).start().await.unwrap();
    let client = server.client().await.unwrap();
    let other = json!({"name": "other", "subjects": ["$KV.elections.other"]});
    for (setting, settings) in [
        ("persist_mode", json!({"persist_mode": "async"})),
        (
            "sources",
            json!({"subjects": ["$KV.elections.writer"], "sources": [{"name": "other"}]}),
        ),
        (
            "mirror",
            json!({"subjects": null, "discard": "old", "mirror": {"name": "other"}}),
        ),
        (
            "subject_transform",
            json!({"subject_transform": {"src": "$KV.elections.>", "dest": "$KV.elections.a.>"}}),
        ),
        ("subjects", json!({"subjects": ["$KV.elections.reader"]})),
        ("retention", json!({"retention": "interest"})),
        ("retention", json!({"retention": "workqueue"})),
        (
            "discard_new_per_subject",
            json!({"discard_new_per_subject": true}),
        ),
        (
            "allow_msg_counter",
            json!({"allow_msg_counter": true, "discard": "old"}),
        ),
        (
            "max_msgs_per_subject",
            json!({"max_msgs_per_subject": 5, "deny_delete": false}),
        ),
        (
            "max_msgs_per_subject",
            json!({"max_msgs_per_subject": -1, "deny_delete": false}),
        ),
        ("max_age", json!({"max_age": 1_000_000_000})),
        ("max_msg_size", json!({"max_msg_size": 4095})),
        ("no_ack", json!({"no_ack": true})),
    ] {
        let needs_other = ["sources", "mirror"].contains(&setting);
        if needs_other {
            api(&client, "STREAM.CREATE.other", &other).await;
        }
        create(&client, settings).await;
        let (found, _) = refused(&client, candidate("a")).await;
        assert_eq!(found, setting);
        let (found, _) = refused(&client, candidate("a").observe()).await;
        assert_eq!(found, setting);
        delete(&client, "KV_elections").await;
        if needs_other {
            delete(&client, "other").await;
        }
    }
    create(&client, json!({})).await;
    update(&client, json!({"sealed": true, "discard": "new"})).await;
    assert_eq!(refused(&client, candidate("a")).await.0, "sealed");
}

#[tokio::test]
async fn harmless_settings_carry_an_election() {
    let server = Server::builder().version(PINNED).start().await.unwrap();
    let client = server.client().await.unwrap();
    for settings in [
        json!({"max_msgs_per_subject": 5}),
        json!({"allow_msg_ttl": true, "subject_delete_marker_ttl": 1_000_000_000}),
        json!({"allow_atomic": true, "allow_batched": true}),
        json!({"allow_msg_schedules": true, "discard": "old"}),
        json!({"republish": {"src": "$KV.elections.>", "dest": "seen.>"}}),
        json!({"deny_purge": true, "allow_rollup_hdrs": false}),
        json!({"deny_delete": false, "compression": "s2", "allow_direct": false}),
        json!({"consumer_limits": {"max_ack_pending": 1}, "max_consumers": 10}),
        json!({"placement": {"tags": []}, "duplicate_window": 100_000_000}),
    ] {
        create(&client, settings.clone()).await;
        let (lines, _guard) = Lines::collect();
        let a = start(&server, steady("a")).await;
        let term = elected(&a).await;
        let b = start(&server, steady("b")).await;
        follows(&b, "a").await;
        a.shutdown().await.unwrap();
        assert!(elected(&b).await.token() > term.token(), "{settings}");
        b.shutdown().await.unwrap();
        assert!(lines.with(&["WARN"]).is_empty(), "{settings}: {lines}");
        delete(&client, "KV_elections").await;
    }
}

#[tokio::test]
async fn risky_settings_are_warned_of_once() {
    let server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    for (setting, settings) in [
        ("max_msgs", json!({"max_msgs": 100})),
        ("max_bytes", json!({"max_bytes": 1_000_000})),
        ("storage", json!({"storage": "memory"})),
    ] {
        create(&client, settings).await;
        let (lines, _guard) = Lines::collect();
        let a = start(&server, steady("a")).await;
        // Each opened watch checks the bucket again.
        elected(&a).await;
        a.shutdown().await.unwrap();
        let what = format!("setting=\"{setting}\"");
        let warned = lines.with(&[" WARN ", "only while nothing goes wrong", &what]);
        assert_eq!(warned.len(), 1, "{lines}");
        assert_eq!(lines.with(&[" WARN "]).len(), 1, "{lines}");
        delete(&client, "KV_elections").await;
    }
}

#[tokio::test]
async fn created_memory_bucket_is_warned_of() {
    let (lines, _guard) = Lines::collect();
    let server = Server::start().await.unwrap();
    let a = start(&server, steady("a").storage(Storage::Memory)).await;
    elected(&a).await;
    let warned = lines.with(&[" WARN ", "setting=\"storage\"", "found=\"memory\""]);
    assert_eq!(warned.len(), 1, "{lines}");
}

/// The warnings about the replicas of a bucket in a cluster.
async fn warned_of_replicas(version: &str, replicas: usize) -> Vec<String> {
    let (lines, _guard) = Lines::collect();
    let cluster = Cluster::builder().version(version).start().await.unwrap();
    let a = steady("a").replicas(replicas);
    let a = a.start(cluster.client().await.unwrap()).await.unwrap();
    elected(&a).await;
    lines.with(&[" WARN ", "setting=\"num_replicas\""])
}

#[tokio::test]
async fn single_replica_in_a_cluster_is_warned_of() {
    let warned = warned_of_replicas(PINNED, 1).await;
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].contains("--replicas 3"), "{warned:?}");
}

#[tokio::test]
async fn replicas_on_2_10_are_warned_of() {
    let warned = warned_of_replicas("2.10.26", 3).await;
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(
        warned[0].contains("upgrade to nats-server 2.11"),
        "{warned:?}"
    );
}

#[tokio::test]
async fn replicas_on_2_11_are_not_warned_of() {
    let warned = warned_of_replicas("2.11.0", 3).await;
    assert!(warned.is_empty(), "{warned:?}");
}

#[tokio::test]
async fn change_to_an_unfit_setting_is_logged_once() {
    let (lines, _guard) = Lines::collect();
    let mut server = Server::builder().version(PINNED).start().await.unwrap();
    let client = server.client().await.unwrap();
    let a = start(&server, steady("a").renew_every(Duration::from_millis(200))).await;
    elected(&a).await;
    let info = api(&client, "STREAM.INFO.KV_elections", &Value::Null).await;
    let mut config = info["config"].clone();
    config["max_age"] = json!(LEASE.as_nanos());
    config["duplicate_window"] = json!(LEASE.as_nanos());
    api(&client, "STREAM.UPDATE.KV_elections", &config).await;
    // Each restart ends the watch. The next watch checks the bucket.
    for _ in 0..2 {
        server.kill();
        server.restart().await.unwrap();
        let opened = async || {
            let info = api(&client, "STREAM.INFO.KV_elections", &Value::Null).await;
            (info["state"]["consumer_count"] == 1).then_some(())
        };
        eventually("a watch", BOUND, opened).await.unwrap();
        lines
            .until(&[" ERROR ", "bucket was changed", "max_age"])
            .await;
    }
    assert_eq!(lines.with(&["bucket was changed"]).len(), 1, "{lines}");
    elected(&a).await;
    a.shutdown().await.unwrap();
    until(&a, |status| *status == Status::Stopped).await;
}
