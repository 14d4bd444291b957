//! Watches whose connection, server or messages are lost.

use std::{sync::atomic::Ordering, time::Duration};

use async_nats::{Client, connection::State};
use futures_util::StreamExt;
use noleader::store::{BucketWatch, Delivery, JetStreamShards, ShardStore, StoreError};
use noleader_fixture::{Proxy, Server, eventually};
use tokio::time::timeout;

use super::{BUCKET, catch_up, end, next, record, state, store, store_on, write};
use crate::support::BOUND;

/// The subject of the requests of a watch, as another client sees them.
const PULLS: &str = "$JS.API.CONSUMER.MSG.NEXT.KV_order_shards.*";

#[tokio::test]
async fn a_watch_ends_with_its_connection_and_continues_on_the_next() {
    let server = Server::start().await.unwrap();
    let proxy = Proxy::start(server.addr()).await.unwrap();
    // A small queue, which a request that is queued while disconnected would fill.
    let options = server.connect_options().client_capacity(4);
    let client = options.connect(proxy.url()).await.unwrap();
    let store = store(client.clone()).await;
    let other = store_on(&server).await;
    let a = write(&other, "o.1", "a").await;
    let mut watch = store.watch(0).await.unwrap();
    catch_up(&mut watch).await;

    proxy.cut();
    let b = write(&other, "o.2", "b").await;
    let error = end(&mut watch).await;
    assert!(matches!(error, StoreError::Disconnected), "{error:?}");
    let refused = store.watch(a).await;
    assert!(
        matches!(refused, Err(StoreError::Disconnected)),
        "{refused:?}"
    );
    proxy.heal();
    state(&client, State::Connected).await;
    let mut watch = store.watch(a).await.unwrap();
    let missed = [
        record(1, "o.2", b, Some("b")),
        Delivery::CaughtUp { index: 1 },
    ];
    assert_eq!(catch_up(&mut watch).await, missed);
}

/// The client's queue is too small for the records, so that it drops some.
#[tokio::test]
async fn a_dropped_message_ends_the_watch_and_the_next_one_has_it() {
    let server = Server::start().await.unwrap();
    let options = server.connect_options().subscription_capacity(32);
    let store = store(options.connect(server.url()).await.unwrap()).await;
    let other = store_on(&server).await;
    let mut last = 0;
    for shard in 0..100 {
        last = write(&other, &format!("o.{shard}"), "a").await;
    }
    let (mut after, mut keys, mut gaps) = (0, Vec::new(), 0);
    while after < last {
        let mut watch = store.watch(after).await.unwrap();
        let mut delivered = 0;
        loop {
            match next(&mut watch).await {
                Ok(Delivery::Record { index, key, seen }) => {
                    delivered += 1;
                    assert_eq!(index, delivered);
                    after = seen.revision();
                    keys.push(key);
                }
                Ok(Delivery::CaughtUp { .. }) => break,
                Err(error) => {
                    let text = std::error::Error::source(&error).unwrap().to_string();
                    assert_eq!(text, "the watch missed a message");
                    gaps += 1;
                    break;
                }
            }
        }
    }
    let all: Vec<_> = (0..100).map(|shard| format!("o.{shard}")).collect();
    assert_eq!(keys, all);
    assert!(gaps > 0, "no message was dropped");
}

/// A watch with a queue of one place, after four messages arrived that nothing took out.
async fn overflown(server: &Server) -> BucketWatch {
    let options = server.connect_options().subscription_capacity(1);
    let client = options.connect(server.url()).await.unwrap();
    let mut watch = store(client.clone()).await.watch(0).await.unwrap();
    catch_up(&mut watch).await;
    // The watch asks for messages.
    let nothing = timeout(Duration::from_millis(1), watch.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    let arrived = || client.statistics().in_messages.load(Ordering::Relaxed);
    let before = arrived();
    let other = store_on(server).await;
    for key in ["o.1", "o.2", "o.3", "o.4"] {
        write(&other, key, "a").await;
    }
    let all = async || (arrived() >= before + 4).then_some(());
    eventually("the messages", BOUND, all).await.unwrap();
    watch
}

async fn misses_a_message(watch: &mut BucketWatch) {
    let error = end(watch).await;
    let text = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(text, "the watch missed a message");
}

#[tokio::test]
async fn a_message_after_a_dropped_one_ends_the_watch() {
    let server = Server::start().await.unwrap();
    let mut watch = overflown(&server).await;
    let first = next(&mut watch).await.unwrap();
    assert!(matches!(first, Delivery::Record { index: 1, .. }));
    write(&store_on(&server).await, "o.5", "a").await;
    misses_a_message(&mut watch).await;
}

/// No message follows that would show the gap. A heartbeat does.
#[tokio::test]
async fn a_heartbeat_after_a_dropped_message_ends_the_watch() {
    let server = Server::start().await.unwrap();
    misses_a_message(&mut overflown(&server).await).await;
}

#[tokio::test]
async fn a_watch_continues_after_a_server_was_killed() {
    let mut server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    let store = store(client.clone()).await;
    let a = write(&store, "o.1", "a").await;
    let mut watch = store.watch(0).await.unwrap();
    let epoch = watch.epoch();
    catch_up(&mut watch).await;
    server.kill();
    let error = end(&mut watch).await;
    assert!(matches!(error, StoreError::Disconnected), "{error:?}");
    server.restart().await.unwrap();
    state(&client, State::Connected).await;
    let other = store_on(&server).await;
    let b = write(&other, "o.2", "b").await;
    let mut watch = store.watch(a).await.unwrap();
    assert_eq!((watch.epoch(), watch.last_revision()), (epoch, b));
    let missed = [
        record(1, "o.2", b, Some("b")),
        Delivery::CaughtUp { index: 1 },
    ];
    assert_eq!(catch_up(&mut watch).await, missed);
}

/// After a power cut, or when a backup is put back.
#[tokio::test]
async fn lost_records_show_in_the_last_revision() {
    let mut server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    let store = store(client.clone()).await;
    let a = write(&store, "o.1", "a").await;
    let saved = server.kill_and_save().unwrap();
    server.restart().await.unwrap();
    let b = write(&store_on(&server).await, "o.2", "b").await;
    server.kill_and_put_back(&saved).unwrap();
    server.restart().await.unwrap();
    state(&client, State::Connected).await;
    let mut watch = store.watch(b).await.unwrap();
    assert_eq!(watch.last_revision(), a);
    let first = next(&mut watch).await.unwrap();
    assert_eq!(first, Delivery::CaughtUp { index: 0 });
}

/// The connection stays open, but no heartbeat arrives.
#[tokio::test]
async fn a_paused_server_ends_the_watch() {
    let server = Server::start().await.unwrap();
    let store = store_on(&server).await;
    write(&store, "o.1", "a").await;
    let mut watch = store.watch(0).await.unwrap();
    catch_up(&mut watch).await;
    server.pause().unwrap();
    let error = end(&mut watch).await;
    server.resume().unwrap();
    let text = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(text, "the watch missed heartbeats");
}

#[tokio::test]
async fn a_silent_watch_outlives_the_requests_for_its_messages() {
    let server = Server::start().await.unwrap();
    let store = store_on(&server).await;
    let listener = server.client().await.unwrap();
    let mut pulls = listener.subscribe(PULLS).await.unwrap();
    listener.flush().await.unwrap();
    let mut watch = store.watch(0).await.unwrap();
    catch_up(&mut watch).await;
    let delivered = tokio::spawn(async move { next(&mut watch).await });
    for number in 1..=2 {
        let pull = timeout(BOUND, pulls.next()).await;
        assert!(pull.unwrap().is_some(), "request {number}");
    }
    let a = write(&store, "o.1", "a").await;
    let delivered = delivered.await.unwrap().unwrap();
    assert_eq!(delivered, record(1, "o.1", a, Some("a")));
}

#[tokio::test]
async fn a_deleted_bucket_ends_the_watch_and_is_recreated_by_a_read() {
    let server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    let store = store(client.clone()).await;
    let a = write(&store, "o.1", "a").await;
    let mut watch = store.watch(0).await.unwrap();
    catch_up(&mut watch).await;
    let context = async_nats::jetstream::new(client.clone());
    context.delete_key_value(BUCKET).await.unwrap();
    end(&mut watch).await;
    let missing = store.watch(a).await;
    assert!(
        matches!(missing, Err(StoreError::BucketMissing { .. })),
        "{missing:?}"
    );

    let waiting = JetStreamShards::new(client, BUCKET).create_bucket(false);
    let error = waiting.read("o.1").await.unwrap_err();
    assert!(matches!(error, StoreError::BucketMissing { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains("nats stream add KV_order_shards")
    );
    assert_eq!(store.read("o.1").await.unwrap().revision(), 0);
    assert!(write(&store, "o.1", "b").await > a);
}

/// A client that is not connected yet, and one that was closed.
#[tokio::test]
async fn errors_without_a_connection_are_distinct() {
    let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
    let client = options.connect("127.0.0.1:1").await.unwrap();
    let store = JetStreamShards::new(client, BUCKET);
    let error = store.read("o.1").await.unwrap_err();
    assert!(matches!(error, StoreError::Disconnected), "{error:?}");

    let server = Server::start().await.unwrap();
    let client: Client = server.client().await.unwrap();
    let store = super::store(client.clone()).await;
    let mut watch = store.watch(0).await.unwrap();
    client.drain().await.unwrap();
    catch_up(&mut watch).await;
    end(&mut watch).await;
    let closed = async || match store.read("o.1").await {
        Err(StoreError::Closed) => Some(()),
        _ => None,
    };
    eventually("a closed client", BOUND, closed).await.unwrap();
}
