//! A bucket that noleader creates starts at a revision that is the time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_nats::jetstream::{
    self, kv,
    response::Response,
    stream::{Config, DiscardPolicy, StorageType},
};
use noleader::{Leader, LeaderHandle, Storage, store::JetStream};
use noleader_fixture::{Cluster, Server};
use serde_json::Value;

use crate::support::{LEASE, bucket, candidate, elected, ended, follows, start, steady};

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_millis().try_into().unwrap()
}

/// The revision of the record in the key.
async fn revision(server: &Server) -> u64 {
    let entry = bucket(server).await.entry("writer").await.unwrap();
    entry.unwrap().revision
}

async fn settings(client: &async_nats::Client, bucket: &str) -> Value {
    let context = jetstream::new(client.clone());
    let request = format!("STREAM.INFO.KV_{bucket}");
    let info: Response<Value> = context.request(request, &()).await.unwrap();
    let Response::Ok(mut info) = info else {
        panic!("{info:?}")
    };
    let config = info["config"].as_object_mut().unwrap();
    // What differs on purpose, and the name.
    let created = config.remove("first_seq");
    assert_eq!(created.is_some(), bucket == "elections");
    for setting in ["name", "subjects"] {
        let value = config[setting].to_string();
        config[setting] = value.replace(bucket, "?").into();
    }
    info["config"].take()
}

#[tokio::test]
async fn every_created_bucket_starts_at_the_time() {
    let server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    let context = jetstream::new(client.clone());
    let created_at_the_time = async |begin: u64| {
        let mut stream = context.get_stream("KV_elections").await.unwrap();
        let first = stream.info().await.unwrap().state.first_sequence;
        assert!((begin..=now_ms()).contains(&first), "{first}");
        first
    };

    let begin = now_ms();
    let leader = Leader::new("elections", "writer", client.clone());
    leader.create_bucket().await.unwrap();
    let by_leader = created_at_the_time(begin).await;
    context.delete_key_value("elections").await.unwrap();

    let begin = now_ms();
    let a = start(&server, candidate("a").storage(Storage::Memory)).await;
    let by_start = created_at_the_time(begin).await;
    assert!(by_start > by_leader);
    let old = elected(&a).await;
    let before = revision(&server).await;
    assert!(before >= by_start);

    let begin = now_ms();
    context.delete_key_value("elections").await.unwrap();
    ended(&old).await;
    let new = elected(&a).await;
    let again = created_at_the_time(begin).await;
    assert!(again > before, "the bucket repeats revisions");
    assert!(new.token() > old.token());
    // JSON numbers are exact up to here.
    assert!(revision(&server).await < 1 << 53);
    let config = settings(&client, "elections").await;
    assert_eq!(config["storage"], "memory", "recreated as it was");
}

#[tokio::test]
async fn bucket_is_as_other_clients_create_it() {
    let server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    for (storage, storage_type) in [
        (Storage::File, StorageType::File),
        (Storage::Memory, StorageType::Memory),
    ] {
        let context = jetstream::new(client.clone());
        let builder = candidate("a").lease(Duration::from_secs(600));
        let prepared = builder.storage(storage).prepare(client.clone()).await;
        prepared.unwrap();
        let config = kv::Config {
            bucket: "others".to_owned(),
            description: "leases of noleader".to_owned(),
            history: 1,
            max_age: Duration::from_secs(6000),
            storage: storage_type,
            num_replicas: 1,
            ..Default::default()
        };
        context.create_key_value(config).await.unwrap();
        let mine = settings(&client, "elections").await;
        assert_eq!(mine, settings(&client, "others").await);
        for bucket in ["elections", "others"] {
            context.delete_key_value(bucket).await.unwrap();
        }
    }
}

#[tokio::test]
async fn other_clients_use_the_bucket() {
    let server = Server::start().await.unwrap();
    let a = start(&server, steady("a")).await;
    elected(&a).await;
    let bucket = bucket(&server).await;
    let revision = async || bucket.entry("writer").await.unwrap().unwrap().revision;
    let before = revision().await;
    let first = bucket.put("note", "a".into()).await.unwrap();
    assert!(first > before);
    let second = bucket.update("note", "b".into(), first).await.unwrap();
    assert_eq!(second, first + 1);
    assert!(bucket.create("note", "c".into()).await.is_err());
    assert_eq!(bucket.get("note").await.unwrap().unwrap(), "b");
    bucket.delete("note").await.unwrap();
    bucket.purge("note").await.unwrap();
    assert!(revision().await >= before);
    let status = bucket.status().await.unwrap();
    assert_eq!((status.history(), status.bucket()), (1, "elections"));
}

#[tokio::test]
async fn tokens_grow_in_a_bucket_starting_at_1() {
    let server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    let a = start(&server, candidate("a")).await;
    let old = elected(&a).await;
    let context = jetstream::new(client);
    context.delete_key_value("elections").await.unwrap();
    // As earlier versions and other tools create it.
    let config = Config {
        name: "KV_elections".to_owned(),
        subjects: vec!["$KV.elections.>".to_owned()],
        max_messages_per_subject: 1,
        discard: DiscardPolicy::New,
        deny_delete: true,
        allow_rollup: true,
        ..Default::default()
    };
    context.create_stream(config).await.unwrap();
    ended(&old).await;
    let new = elected(&a).await;
    assert!(new.token() > old.token());
    let low = revision(&server).await;
    assert!(low < 1000, "{low}");
    let b = start(&server, candidate("b")).await;
    follows(&b, "a").await;
    a.shutdown().await.unwrap();
    assert!(elected(&b).await.token() > new.token());
}

/// Each creates the bucket with another first revision, and all but one are rejected by the server.
#[tokio::test]
async fn concurrent_creators_share_one_bucket() {
    let cluster = Cluster::start().await.unwrap();
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(cluster.client().await.unwrap());
    }
    for round in 0..5 {
        let bucket = format!("elections{round}");
        let started = clients.iter().enumerate().map(async |(id, client)| {
            let store = JetStream::new(client.clone(), &bucket, "writer").replicas(3);
            let builder = LeaderHandle::with_store(store).id(format!("c{id}"));
            let mut started = builder.clone().lease(LEASE).start().await;
            while let Err(error) = &started
                && error.is_transient()
            {
                started = builder.clone().lease(LEASE).start().await;
            }
            started.unwrap()
        });
        let handles = futures_util::future::join_all(started).await;
        let leading = handles.iter().map(|handle| Box::pin(elected(handle)));
        futures_util::future::select_all(leading).await;
    }
}
