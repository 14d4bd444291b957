//! The JetStream store alone: the outcomes of reads, writes and watches.

use std::time::Duration;

use async_nats::{
    Client,
    connection::State,
    jetstream::{self, kv},
};
use futures_util::StreamExt;
use noleader::store::{JetStream, LeaseStore, Observation, StoreError, WriteError};
use noleader_fixture::{Direction, Proxy, Server};
use tokio::{sync::mpsc, time::timeout};

use crate::support::{BOUND, LEASE};

async fn store(client: Client) -> JetStream {
    let store = JetStream::new(client, "elections", "writer");
    store.prepare(LEASE).await.unwrap();
    store
}

async fn state(client: &Client, wanted: State) {
    let reached = async {
        while client.connection_state() != wanted {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(BOUND, reached).await.unwrap();
}

fn seen(revision: u64, value: Option<&str>) -> Observation {
    let value = value.map(|value| value.as_bytes().to_vec());
    Observation::new(revision, value)
}

#[tokio::test]
async fn write_is_a_compare_and_set() {
    let server = Server::start().await.unwrap();
    let store = store(server.client().await.unwrap()).await;
    assert_eq!(store.read().await.unwrap(), seen(0, None));
    let first = store.write(0, b"a".to_vec()).await.unwrap();
    for wrong in [0, first - 1, first + 1, u64::MAX] {
        let refused = store.write(wrong, b"b".to_vec()).await;
        assert!(
            matches!(refused, Err(WriteError::Conflict)),
            "{wrong}: {refused:?}"
        );
    }
    assert_eq!(store.write(first, b"b".to_vec()).await.unwrap(), first + 1);
    assert_eq!(store.read().await.unwrap(), seen(first + 1, Some("b")));
}

#[tokio::test]
async fn deleted_key_reads_as_absent_with_a_revision() {
    let server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    let store = store(client.clone()).await;
    let first = store.write(0, b"a".to_vec()).await.unwrap();
    let bucket = jetstream::new(client)
        .get_key_value("elections")
        .await
        .unwrap();
    bucket.delete("writer").await.unwrap();
    assert_eq!(store.read().await.unwrap(), seen(first + 1, None));
    let second = store.write(first + 1, b"b".to_vec()).await.unwrap();
    assert_eq!(second, first + 2);
    bucket.purge("writer").await.unwrap();
    assert_eq!(store.read().await.unwrap(), seen(first + 3, None));
}

#[tokio::test]
async fn nothing_is_published_while_disconnected() {
    let mut server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    let store = store(client.clone()).await;
    let first = store.write(0, b"a".to_vec()).await.unwrap();
    server.kill();
    state(&client, State::Disconnected).await;
    let refused = store.write(first, b"b".to_vec()).await;
    assert!(
        matches!(refused, Err(WriteError::Failed(StoreError::Disconnected))),
        "{refused:?}"
    );
    assert!(matches!(store.read().await, Err(StoreError::Disconnected)));
    server.restart().await.unwrap();
    state(&client, State::Connected).await;
    // A queued write would be sent before this one.
    assert_eq!(store.write(first, b"c".to_vec()).await.unwrap(), first + 1);
    assert_eq!(store.read().await.unwrap(), seen(first + 1, Some("c")));
}

#[tokio::test]
async fn write_without_a_response_has_an_unknown_outcome() {
    let server = Server::start().await.unwrap();
    let proxy = Proxy::start(server.addr()).await.unwrap();
    let client = server
        .connect_options()
        .request_timeout(Some(Duration::from_secs(1)));
    let store = store(client.connect(proxy.url()).await.unwrap()).await;
    proxy.black_hole(Direction::ToClient);
    let unknown = store.write(0, b"a".to_vec()).await;
    assert!(
        matches!(unknown, Err(WriteError::Unknown(_))),
        "{unknown:?}"
    );
    let other = JetStream::new(server.client().await.unwrap(), "elections", "writer");
    let applied = other.read().await.unwrap();
    assert_eq!(applied.value(), Some(&b"a"[..]));
}

#[tokio::test]
async fn reopened_watch_continues_after_a_server_restart() {
    let mut server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    let store = store(client.clone()).await;
    let revision = store.write(0, b"a".to_vec()).await.unwrap();
    let (sender, mut pushed) = mpsc::unbounded_channel();
    let watched = store.clone();
    tokio::spawn(async move {
        loop {
            let Ok(mut watch) = watched.watch().await else {
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            };
            while let Some(Ok(seen)) = watch.next().await {
                let _ = sender.send(seen);
            }
        }
    });
    let first = timeout(BOUND, pushed.recv()).await.unwrap().unwrap();
    assert_eq!(first, seen(revision, Some("a")));
    server.kill();
    state(&client, State::Disconnected).await;
    server.restart().await.unwrap();
    state(&client, State::Connected).await;
    store.write(revision, b"b".to_vec()).await.unwrap();
    let mut next = first.clone();
    while next == first {
        // The new watch yields the first value again if it was opened before the write.
        next = timeout(BOUND, pushed.recv()).await.unwrap().unwrap();
    }
    assert_eq!(next, seen(revision + 1, Some("b")));
}

#[tokio::test]
async fn read_recreates_a_deleted_bucket() {
    let server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    let store = store(client.clone()).await;
    let first = store.write(0, b"a".to_vec()).await.unwrap();
    let context = jetstream::new(client);
    context.delete_key_value("elections").await.unwrap();
    let lost = store.write(first, b"b".to_vec()).await;
    assert!(matches!(lost, Err(WriteError::Failed(_))), "{lost:?}");
    assert_eq!(store.read().await.unwrap(), seen(0, None));
    assert!(context.get_key_value("elections").await.is_ok());
}

#[tokio::test]
async fn bucket_with_harmless_other_settings_is_accepted() {
    let server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    let context = jetstream::new(client.clone());
    let config = kv::Config {
        bucket: "elections".to_owned(),
        history: 5,
        ..Default::default()
    };
    context.create_key_value(config).await.unwrap();
    let store = JetStream::new(client, "elections", "writer").replicas(3);
    store.prepare(LEASE).await.unwrap();
    assert_eq!(store.write(0, b"a".to_vec()).await.unwrap(), 1);
}

#[tokio::test]
async fn watch_ends_with_its_connection_and_queues_nothing() {
    let server = Server::start().await.unwrap();
    let proxy = Proxy::start(server.addr()).await.unwrap();
    // A small queue, which a request that is queued while disconnected would fill.
    let options = server.connect_options().client_capacity(4);
    let client = options.connect(proxy.url()).await.unwrap();
    let store = store(client.clone()).await;
    let mut watch = store.watch().await.unwrap();
    proxy.cut();
    let ended = async {
        loop {
            match watch.next().await {
                Some(Err(StoreError::Disconnected)) => break,
                Some(_) => {}
                None => panic!("the watch ended without an error"),
            }
        }
        watch.next().await.is_none()
    };
    assert!(timeout(BOUND, ended).await.unwrap());
    assert!(matches!(store.watch().await, Err(StoreError::Disconnected)));
    proxy.heal();
    state(&client, State::Connected).await;
    let revision = store.write(0, b"a".to_vec()).await.unwrap();
    let mut watch = store.watch().await.unwrap();
    let first = timeout(BOUND, watch.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(first, seen(revision, Some("a")));
}

#[tokio::test]
async fn invalid_names_are_rejected() {
    let server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    for (bucket, key) in [("a b", "key"), ("bucket", "a*b"), ("bucket", "")] {
        let store = JetStream::new(client.clone(), bucket, key);
        assert!(store.prepare(LEASE).await.is_err(), "{bucket}/{key}");
    }
}
