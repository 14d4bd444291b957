//! Clients that reconnect, as to the next server of a cluster that is upgraded.

use std::{sync::atomic::Ordering, time::Duration};

use async_nats::connection::State;
use futures_util::StreamExt;
use noleader::store::{JetStream, LeaseStore, StoreError, WriteError};
use noleader_fixture::{Direction, Proxy, Server, eventually};
use tokio::time::timeout;

use crate::{
    lines::Lines,
    support::{BOUND, LEASE, elected, follows, start, steady},
};

/// No write is sent on a new connection before a read. A follower that is pushed every renewal has no other reason to
/// read, and its first campaign would fail.
#[tokio::test]
async fn a_hand_over_after_a_reconnect_is_not_delayed() {
    let (lines, _guard) = Lines::collect();
    let server = Server::start().await.unwrap();
    let long = |id| steady(id).lease(Duration::from_secs(60));
    let a = start(&server, long("a")).await;
    elected(&a).await;
    let client = server.client().await.unwrap();
    let b = long("b").start(client.clone()).await.unwrap();
    follows(&b, "a").await;

    let reads = "$JS.API.STREAM.MSG.GET.KV_elections";
    let listener = server.client().await.unwrap();
    let mut reads = listener.subscribe(reads).await.unwrap();
    listener.flush().await.unwrap();
    client.force_reconnect().await.unwrap();
    let read = timeout(BOUND / 4, reads.next()).await;
    assert!(read.expect("a read after the reconnect").is_some());

    a.step_down().await.unwrap();
    elected(&b).await;
    // A write before a read is rejected, and retried after a pause.
    let failed = lines.with(&["WARN", "lease store request failed"]);
    assert!(failed.is_empty(), "{lines}");
}

/// Its response was lost with the connection. Waiting for it would delay a new watch.
#[tokio::test]
async fn a_request_fails_with_its_connection() {
    let server = Server::start().await.unwrap();
    let proxy = Proxy::start(server.addr()).await.unwrap();
    let client = server.connect_options().connect(proxy.url()).await.unwrap();
    let store = JetStream::new(client.clone(), "elections", "writer");
    store.prepare(LEASE).await.unwrap();
    proxy.black_hole(Direction::ToServer);
    let sent = || client.statistics().out_messages.load(Ordering::Relaxed);
    let before = sent();
    let read = tokio::spawn(async move { store.read().await });
    let is_sent = async || (sent() > before).then_some(());
    eventually("the request", BOUND, is_sent).await.unwrap();
    proxy.heal();
    let error = timeout(BOUND, read).await.unwrap().unwrap().unwrap_err();
    assert!(matches!(error, StoreError::Disconnected), "{error:?}");
}

/// The server may have lost writes meanwhile, and have another record at the expected revision.
#[tokio::test]
async fn nothing_is_written_on_a_new_connection_before_a_read() {
    let server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    let store = JetStream::new(client.clone(), "elections", "writer");
    store.prepare(LEASE).await.unwrap();
    store.read().await.unwrap();
    let first = store.write(0, b"a".to_vec()).await.unwrap();

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
    let error = store.write(first, b"b".to_vec()).await.unwrap_err();
    assert!(
        matches!(error, WriteError::Failed(StoreError::Disconnected)),
        "{error:?}"
    );
    assert_eq!(store.read().await.unwrap().value(), Some(&b"a"[..]));
    assert!(store.write(first, b"b".to_vec()).await.unwrap() > first);
}
