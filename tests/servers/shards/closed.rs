//! Clients that are closed: drained, or out of reconnects.

use std::{io, time::Duration};

use async_nats::{Client, ConnectOptions};
use http::Request;
use noleader::{
    Reason, ReleaseError, RunError, Shard, Shards, ShardsStatus, StartError, StopReason,
    store::StoreError,
};
use noleader_fixture::Server;
use tokio::time::timeout;
use tower::ServiceExt;

use super::{COUNT, all_open, all_open_after, join, join_with, node, spread, until, used_before};
use crate::{
    lines::Lines,
    support::{BOUND, LEASE},
};

const CLOSED: [&str; 2] = ["ERROR", "the client is closed; leaving the shards"];

fn impatient() -> ConnectOptions {
    let options = ConnectOptions::new().max_reconnects(2);
    options.reconnect_delay_callback(|_| Duration::from_millis(20))
}

async fn connect(server: &Server) -> Client {
    impatient().connect(server.url()).await.unwrap()
}

/// Checks that the node has stopped, and reports the reason everywhere.
async fn stopped(node: &Shards, lines: &Lines) {
    until(node, ShardsStatus::Stopped).await;
    assert!(node.owned().is_empty());
    let stopped = node.stopped().unwrap();
    assert_eq!(stopped.reason(), StopReason::ClientClosed);
    assert!(stopped.to_string().contains("max_reconnects"), "{stopped}");
    for key in ["a", "b"] {
        let refused = node.admit(node.of(key)).unwrap_err();
        assert_eq!(refused.reason(), Reason::Stopped);
    }
    let live = node.liveness().oneshot(Request::new(())).await.unwrap();
    assert_eq!(live.status(), 503);
    let body = live.into_body();
    assert!(body.contains(r#""reason":"client_closed""#), "{body}");
    let mut members = node.members();
    let closed = async { while members.changed().await.is_ok() {} };
    timeout(BOUND, closed).await.unwrap();
    let logged = lines.with(&CLOSED);
    assert_eq!(logged.len(), 1, "{lines}");
    assert!(
        logged[0].contains("start again with a new client"),
        "{lines}"
    );
    assert_eq!(lines.with(&["request", "failed"]), [""; 0], "{lines}");
}

/// The others take its shards once its lease has passed.
#[tokio::test]
async fn a_member_stops_with_its_drained_client() {
    let server = Server::start().await.unwrap();
    let a = join(&server, "a").await;
    let client = connect(&server).await;
    let b = join_with(client.clone(), "b").await;
    let before = spread(&[&a, &b]).await;
    let mine = b.owned();
    let (lines, _guard) = Lines::collect();
    client.drain().await.unwrap();
    for shard in &mine {
        timeout(BOUND, shard.term().cancellation().cancelled())
            .await
            .unwrap();
    }
    stopped(&b, &lines).await;
    assert_eq!(
        b.shutdown().await,
        Err(ReleaseError::LeftToExpire(LEASE * 3))
    );
    let after = all_open(&[&a]).await;
    for shard in mine {
        assert!(after[&shard.index()] > before[&shard.index()]);
    }
}

#[tokio::test]
async fn a_member_out_of_reconnects_stops_before_its_deadline() {
    let mut server = Server::start().await.unwrap();
    used_before(server.client().await.unwrap(), &["a"], 1).await;
    let lease = BOUND * 5;
    let a = node("a").lease(lease).start(connect(&server).await);
    let a = a.await.unwrap();
    all_open(&[&a]).await;
    let (lines, _guard) = Lines::collect();
    server.kill();
    stopped(&a, &lines).await;
    assert_eq!(a.shutdown().await, Err(ReleaseError::LeftToExpire(lease)));
}

/// Requests that were admitted may finish while the lease lasts. Nothing else is admitted.
#[tokio::test]
async fn admitted_work_finishes_after_the_client_was_drained() {
    let server = Server::start().await.unwrap();
    let client = connect(&server).await;
    used_before(client.clone(), &["a"], 1).await;
    let a = node("a").lease(BOUND * 5).start(client.clone());
    let a = a.await.unwrap();
    all_open(&[&a]).await;
    let id = a.of("customer-17");
    let admission = a.admit(id).unwrap();
    client.drain().await.unwrap();
    until(&a, ShardsStatus::Leaving).await;
    let term = admission.term();
    assert!(term.closing().is_cancelled() && term.is_current());
    assert!(a.owned().is_empty() && a.admit(id).is_err());
    drop(admission);
    until(&a, ShardsStatus::Stopped).await;
}

#[tokio::test]
async fn a_waiting_node_stops_with_its_client() {
    let mut server = Server::start().await.unwrap();
    server.kill();
    let (lines, _guard) = Lines::collect();
    let options = impatient().retry_on_initial_connect();
    let client = options.connect(server.url()).await.unwrap();
    let a = join_with(client, "a").await;
    stopped(&a, &lines).await;
    assert_eq!(a.shutdown().await, Ok(()), "it held nothing");
}

#[tokio::test]
async fn a_closed_client_starts_nothing() {
    let server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    client.drain().await.unwrap();
    // The drain has ended once the client takes nothing any more.
    while client.flush().await.is_ok() {}
    let error = node("a").start(client).await.unwrap_err();
    assert!(
        matches!(error, StartError::Store(StoreError::Closed)),
        "{error:?}"
    );
    assert!(!error.is_transient());
}

#[tokio::test]
async fn the_work_ends_with_the_client() {
    let server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    let a = join_with(client.clone(), "a").await;
    all_open(&[&a]).await;
    client.drain().await.unwrap();
    let work = |shard: Shard| async move {
        shard.closing().cancelled().await;
        Ok::<(), io::Error>(())
    };
    match timeout(BOUND, a.run_each(work)).await.unwrap() {
        Err(RunError::Stopped(stopped)) => {
            assert_eq!(stopped.reason(), StopReason::ClientClosed);
        }
        other => panic!("{other:?}"),
    }
}

/// A new client and a new handle under the same id take part again, as the log demands.
#[tokio::test]
async fn a_node_starts_again_with_a_new_client() {
    let server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    let a = join_with(client.clone(), "a").await;
    let before = all_open(&[&a]).await;
    client.drain().await.unwrap();
    until(&a, ShardsStatus::Stopped).await;
    let again = join(&server, "a").await;
    let after = all_open_after(&before, &[&again]).await;
    assert_eq!(after.len(), COUNT as usize);
}
