//! Writes on a new connection, and writes without a response.

use std::sync::atomic::Ordering;

use async_nats::{Client, connection::State};
use noleader::store::{Delivery, Observation, ShardStore, StoreError, WriteError};
use noleader_fixture::{Direction, Proxy, Server, eventually};

use super::{catch_up, next, seen, state, store, store_on, write};
use crate::support::BOUND;

async fn reconnect(client: &Client) {
    let connects = || client.statistics().connects.load(Ordering::Relaxed);
    let before = connects();
    client.force_reconnect().await.unwrap();
    let is_back = async || {
        let is_connected = client.connection_state() == State::Connected;
        (connects() > before && is_connected).then_some(())
    };
    eventually("a new connection", BOUND, is_back)
        .await
        .unwrap();
}

/// Overwrites a key. None if the store demands a read first.
async fn rewrite(store: &impl ShardStore, key: &str, expected: u64) -> Option<u64> {
    match store.write(key, expected, b"x".to_vec(), None).await {
        Ok(revision) => Some(revision),
        Err(WriteError::Failed(StoreError::Disconnected)) => None,
        Err(other) => panic!("{key}: {other:?}"),
    }
}

/// The server may have lost records meanwhile, and have others at the expected revisions.
#[tokio::test]
async fn each_key_is_shown_on_a_new_connection_before_it_is_written() {
    let server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    let store = store(client.clone()).await;
    let mut revisions = Vec::new();
    for key in ["o.1", "o.2", "o.3"] {
        revisions.push(write(&store, key, "a").await);
    }
    let mut watch = store.watch(0).await.unwrap();
    catch_up(&mut watch).await;
    reconnect(&client).await;
    for (key, revision) in ["o.1", "o.2", "o.3"].into_iter().zip(&revisions) {
        assert_eq!(rewrite(&store, key, *revision).await, None, "{key}");
    }

    // By a read, which shows one key.
    store.read("o.1").await.unwrap();
    let last = rewrite(&store, "o.1", revisions[0]).await.unwrap();
    assert_eq!(rewrite(&store, "o.2", revisions[1]).await, None);

    // By a watch, which shows the keys that it delivers.
    let mut watch = store.watch(revisions[1]).await.unwrap();
    catch_up(&mut watch).await;
    assert_eq!(rewrite(&store, "o.2", revisions[1]).await, None);
    assert!(rewrite(&store, "o.3", revisions[2]).await.unwrap() > last);

    // By a watch from the start, which shows all, once it has caught up.
    let mut watch = store.watch(0).await.unwrap();
    next(&mut watch).await.unwrap();
    assert_eq!(rewrite(&store, "o.4", 0).await, None);
    catch_up(&mut watch).await;
    for key in ["o.4", "o.5"] {
        assert!(rewrite(&store, key, 0).await.is_some(), "{key}");
    }
    let lost = store.write("o.2", 0, b"x".to_vec(), None).await;
    assert!(matches!(lost, Err(WriteError::Conflict)), "{lost:?}");
}

/// What makes the rule necessary: the same revision of the same key, and another record.
#[tokio::test]
async fn a_record_that_took_the_place_of_a_lost_one_is_not_overwritten() {
    let mut server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    let store = store(client.clone()).await;
    write(&store, "o.1", "a").await;
    let saved = server.kill_and_save().unwrap();
    server.restart().await.unwrap();
    state(&client, State::Connected).await;
    store.read("o.2").await.unwrap();
    let mine = write(&store, "o.2", "mine").await;
    server.kill_and_put_back(&saved).unwrap();
    server.restart().await.unwrap();
    let other = store_on(&server).await;
    assert_eq!(write(&other, "o.2", "theirs").await, mine);

    state(&client, State::Connected).await;
    assert_eq!(rewrite(&store, "o.2", mine).await, None);
    // A watch that begins after the last delivery does not show it either.
    let mut watch = store.watch(mine).await.unwrap();
    let first = next(&mut watch).await.unwrap();
    assert_eq!(first, Delivery::CaughtUp { index: 0 });
    assert_eq!(rewrite(&store, "o.2", mine).await, None);
    let theirs: Observation = store.read("o.2").await.unwrap();
    assert_eq!(theirs, seen(mine, Some("theirs")));
}

#[tokio::test]
async fn a_write_without_a_response_has_an_unknown_outcome() {
    let server = Server::start().await.unwrap();
    let proxy = Proxy::start(server.addr()).await.unwrap();
    let client = server.connect_options().connect(proxy.url()).await.unwrap();
    let store = store(client).await;
    proxy.black_hole(Direction::ToClient);
    let unknown = store.write("o.1", 0, b"a".to_vec(), None).await;
    let Err(WriteError::Unknown(StoreError::NoAnswer { subject, .. })) = unknown else {
        panic!("{unknown:?}");
    };
    assert_eq!(subject, "$KV.order_shards.o.1");
    let applied = store_on(&server).await.read("o.1").await.unwrap();
    assert_eq!(applied.value(), Some(&b"a"[..]));
}
