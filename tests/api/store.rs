//! A setting is refused by name, wherever it was made, and a watch names the bucket's epoch.

use std::time::Duration;

use noleader::{
    ConfigError, LeaderHandle, StartError,
    store::{JetStream, LeaseStore, StoreError},
};
use noleader_fixture::Server;

/// A client that never reaches a server: the settings are checked before.
async fn client() -> async_nats::Client {
    let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
    options.connect("127.0.0.1:1").await.unwrap()
}

fn config(error: StartError) -> ConfigError {
    match error {
        StartError::Config(error) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_setting_of_a_bucket_is_named_by_every_way_to_start() {
    for (bucket, key, replicas, setting) in [
        ("a b", "writer", 1, "bucket"),
        ("orders", "a..b", 1, "key"),
        ("orders", "writer", 9, "replicas"),
    ] {
        let builder = LeaderHandle::builder(bucket, key).replicas(replicas);
        let error = builder.clone().prepare(client().await).await.unwrap_err();
        assert_eq!(config(error).setting(), setting);
        let error = builder.start(client().await).await.unwrap_err();
        assert_eq!(config(error).setting(), setting);

        let store = JetStream::new(client().await, bucket, key).replicas(replicas);
        let error = LeaderHandle::with_store(store.clone()).start().await;
        assert_eq!(config(error.unwrap_err()).setting(), setting);

        let error = store.read().await.unwrap_err();
        assert!(matches!(error, StoreError::Config(_)), "{error:?}");
    }
}

#[tokio::test]
async fn a_domain_or_prefix_that_is_no_subject_is_named() {
    let store = async || JetStream::new(client().await, "orders", "writer");
    for (store, setting) in [
        (store().await.domain("a b"), "domain"),
        (store().await.api_prefix("JS.>"), "api_prefix"),
    ] {
        let error = LeaderHandle::with_store(store).start().await.unwrap_err();
        assert!(!error.is_transient());
        assert_eq!(config(error).setting(), setting);
    }
}

#[tokio::test]
async fn an_unreachable_server_is_a_transient_error() {
    let builder = LeaderHandle::builder("orders", "writer");
    let error = builder.prepare(client().await).await.unwrap_err();
    assert!(error.is_transient(), "{error:?}");
}

#[tokio::test]
async fn the_default_prefix_may_be_set() {
    let server = Server::start().await.unwrap();
    let store = JetStream::new(server.client().await.unwrap(), "orders", "writer");
    let store = store.api_prefix("$JS.API");
    store.prepare(Duration::from_secs(15)).await.unwrap();
    let revision = store.write(0, b"a".to_vec()).await.unwrap();
    assert_eq!(store.read().await.unwrap().revision(), revision);
}

#[tokio::test]
async fn a_bucket_made_again_has_another_epoch() {
    let server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    let store = JetStream::new(client.clone(), "orders", "writer");
    let epoch = async || store.watch().await.unwrap().epoch();
    store.prepare(Duration::from_secs(15)).await.unwrap();
    let first = epoch().await;
    assert_eq!(epoch().await, first);
    let context = async_nats::jetstream::new(client);
    context.delete_key_value("orders").await.unwrap();
    store.prepare(Duration::from_secs(15)).await.unwrap();
    assert_ne!(epoch().await, first);
}
