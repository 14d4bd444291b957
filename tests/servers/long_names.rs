//! The longest names of a bucket, a key, a domain and a prefix, and names that are longer.

use std::sync::atomic::Ordering;

use async_nats::Client;
use noleader::{
    LeaderHandle, StartError, Status,
    store::{JetStream, LeaseStore, StoreError, WriteError},
};
use noleader_fixture::Server;

use crate::support::{LEASE, candidate, elected, follows, start, until};

#[tokio::test]
async fn election_works_with_the_longest_names() {
    let server = Server::start().await.unwrap();
    let (bucket, key) = ("b".repeat(250), "k".repeat(1024));
    let candidate = async |id: &str| {
        let client = server.client().await.unwrap();
        let builder = LeaderHandle::builder(&bucket, &key).id(id).lease(LEASE * 3);
        let builder = builder.dangerous_trust_absent_key(true);
        (client.clone(), builder.start(client).await.unwrap())
    };
    let (client, a) = candidate("a").await;
    let term = elected(&a).await;
    let (other, b) = candidate("b").await;
    // Pushed, because the key is not read before the watch is open.
    follows(&b, "a").await;
    a.shutdown().await.unwrap();
    assert!(elected(&b).await.token() > term.token());
    b.shutdown().await.unwrap();
    let context = async_nats::jetstream::new(client.clone());
    let stream = context.get_stream(format!("KV_{bucket}")).await.unwrap();
    assert_eq!(stream.cached_info().state.consumer_count, 2);
    context.delete_key_value(&bucket).await.unwrap();
    // Neither connection was closed by the server.
    for client in [client, other] {
        assert_eq!(connects(&client), 1);
    }
}

/// No server has this API. The server still parses each request.
#[tokio::test]
async fn longest_prefix_does_not_break_the_connection() {
    let server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    let store = JetStream::new(client.clone(), "b".repeat(250), "k".repeat(1024));
    let prefix = "p".repeat(1024);
    for store in [store.clone().domain(&prefix), store.api_prefix(&prefix)] {
        for error in [
            store.prepare(LEASE).await.unwrap_err(),
            store.read().await.unwrap_err(),
            store.watch().await.unwrap_err(),
        ] {
            assert!(
                matches!(error, StoreError::ApiUnreachable { .. }),
                "{error:?}"
            );
        }
        let error = store.write(0, b"a".to_vec()).await.unwrap_err();
        assert!(matches!(error, WriteError::Failed(_)), "{error:?}");
    }
    assert_eq!(connects(&client), 1);
}

fn connects(client: &Client) -> u64 {
    client.statistics().connects.load(Ordering::Relaxed)
}

#[tokio::test]
async fn longer_names_are_rejected_and_other_elections_continue() {
    let server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    let other = candidate("a").start(client.clone()).await.unwrap();
    let term = elected(&other).await;
    for (bucket, key, setting) in [(251, 10, "bucket"), (10, 1025, "key"), (10, 4090, "key")] {
        let builder = LeaderHandle::builder("b".repeat(bucket), "k".repeat(key));
        match builder.start(client.clone()).await {
            Err(StartError::Config(error)) => assert_eq!(error.setting(), setting, "{error}"),
            other => panic!("{other:?}"),
        }
    }
    let long = "d".repeat(1025);
    let store = || JetStream::new(client.clone(), "elections", "writer");
    for (store, setting) in [
        (store().domain(&long), "domain"),
        (store().api_prefix(&long), "api_prefix"),
    ] {
        match LeaderHandle::with_store(store).start().await {
            Err(StartError::Config(error)) => assert_eq!(error.setting(), setting, "{error}"),
            other => panic!("{other:?}"),
        }
    }
    assert!(term.is_current());
    let b = start(&server, candidate("b")).await;
    other.shutdown().await.unwrap();
    elected(&b).await;
    until(&other, |status| *status == Status::Stopped).await;
}
