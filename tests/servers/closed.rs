//! Clients that are closed: drained, or out of reconnects.

use std::time::Duration;

use async_nats::{Client, ConnectOptions};
use http::Request;
use noleader::{
    Leader, LeaderHandle, ReleaseError, RunError, StartError, Status, StopReason,
    store::{JetStream, StoreError},
};
use noleader_fixture::Server;
use tokio::time::timeout;
use tower::ServiceExt;

use crate::{
    lines::Lines,
    support::{BOUND, LEASE, elected, follows, steady, until},
};

const CLOSED: [&str; 2] = ["ERROR", "lease store is closed; leaving the election"];

/// How a client ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Drained,
    /// Its server is gone for longer than it tries to reconnect.
    OutOfReconnects,
}

const ENDS: [End; 2] = [End::Drained, End::OutOfReconnects];

fn impatient() -> ConnectOptions {
    let options = ConnectOptions::new().max_reconnects(2);
    options.reconnect_delay_callback(|_| Duration::from_millis(20))
}

async fn connect(server: &Server) -> Client {
    impatient().connect(server.url()).await.unwrap()
}

impl End {
    async fn of(self, client: &Client, server: &mut Server) {
        match self {
            Self::Drained => client.drain().await.unwrap(),
            Self::OutOfReconnects => server.kill(),
        }
    }
}

/// Checks that the node has stopped, and reports the reason everywhere.
async fn stopped(handle: &LeaderHandle, lines: &Lines) {
    let mut flag = handle.subscribe();
    until(handle, |status| *status == Status::Stopped).await;
    assert!(!handle.is_leader() && !*flag.borrow_and_update());
    let waited = timeout(BOUND, handle.elected()).await.unwrap();
    let stopped = waited.unwrap_err();
    assert_eq!(stopped.reason(), StopReason::ClientClosed);
    assert!(stopped.to_string().contains("max_reconnects"), "{stopped}");
    assert_eq!(handle.stopped(), Some(stopped));
    let live = handle.liveness().oneshot(Request::new(())).await.unwrap();
    assert_eq!(live.status(), 503);
    let body = live.into_body();
    assert!(body.contains(r#""reason":"client_closed""#), "{body}");
    assert_eq!(handle.step_down().await, Err(ReleaseError::Stopped));
    assert_eq!(lines.with(&CLOSED).len(), 1, "{lines}");
    assert_eq!(lines.with(&["request failed"]), [""; 0], "{lines}");
}

#[tokio::test]
async fn a_follower_stops_with_its_client() {
    for end in ENDS {
        let mut server = Server::start().await.unwrap();
        // Its client keeps trying.
        let a = steady("a").start(server.client().await.unwrap());
        let a = a.await.unwrap();
        elected(&a).await;
        let client = connect(&server).await;
        let b = steady("b").start(client.clone()).await.unwrap();
        follows(&b, "a").await;
        let (lines, _guard) = Lines::collect();
        end.of(&client, &mut server).await;
        if end == End::Drained {
            stopped(&b, &lines).await;
            assert!(a.is_leader());
        } else {
            until(&b, |status| *status == Status::Stopped).await;
            assert_eq!(lines.with(&CLOSED).len(), 1, "{lines}");
        }
        assert_eq!(b.shutdown().await, Ok(()), "it held no lease");
    }
}

#[tokio::test]
async fn a_leader_stops_with_its_client() {
    for end in ENDS {
        let mut server = Server::start().await.unwrap();
        let client = connect(&server).await;
        let a = steady("a").lease(LEASE * 30).start(client.clone());
        let a = a.await.unwrap();
        let term = elected(&a).await;
        let (lines, _guard) = Lines::collect();
        let flag = a.subscribe();
        end.of(&client, &mut server).await;
        let mut shut = flag.clone();
        let shut = timeout(BOUND / 2, shut.wait_for(|leads| !leads)).await;
        shut.expect("the gate shuts before the deadline").unwrap();
        assert!(term.closing().is_cancelled());
        stopped(&a, &lines).await;
        assert_eq!(
            a.shutdown().await,
            Err(ReleaseError::LeftToExpire(LEASE * 30))
        );
    }
}

/// Requests that were admitted may finish while the lease lasts.
#[tokio::test]
async fn admitted_work_finishes_after_a_drain() {
    let mut server = Server::start().await.unwrap();
    let client = connect(&server).await;
    let a = steady("a").start(client.clone()).await.unwrap();
    let term = elected(&a).await;
    let admission = a.admit().unwrap();
    End::Drained.of(&client, &mut server).await;
    until(&a, |status| *status == Status::Draining).await;
    assert!(term.is_current() && a.admit().is_err());
    drop(admission);
    until(&a, |status| *status == Status::Stopped).await;
}

#[tokio::test]
async fn a_waiting_node_stops_with_its_client() {
    let mut server = Server::start().await.unwrap();
    server.kill();
    let (lines, _guard) = Lines::collect();
    let options = impatient().retry_on_initial_connect();
    let client = options.connect(server.url()).await.unwrap();
    let a = steady("a").start(client).await.unwrap();
    stopped(&a, &lines).await;
    assert_eq!(a.shutdown().await, Ok(()));
}

#[tokio::test]
async fn a_closed_client_starts_nothing() {
    let server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    client.drain().await.unwrap();
    // The drain has ended once the client takes nothing any more.
    while client.flush().await.is_ok() {}
    let error = steady("a").start(client).await.unwrap_err();
    assert!(
        matches!(error, StartError::Store(StoreError::Closed)),
        "{error:?}"
    );
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_work_loop_ends_with_its_client() {
    let server = Server::start().await.unwrap();
    let client = server.client().await.unwrap();
    let store = JetStream::new(client.clone(), "elections", "writer");
    let builder = LeaderHandle::with_store(store).lease(LEASE * 3);
    let leader = Leader::with_builder(builder.dangerous_trust_absent_key(true));
    let work = |term: noleader::Term| {
        let client = client.clone();
        async move {
            client.drain().await?;
            term.closing().cancelled().await;
            anyhow::Ok(())
        }
    };
    match timeout(BOUND, leader.run(work)).await.unwrap() {
        Err(RunError::Stopped(stopped)) => {
            assert_eq!(stopped.reason(), StopReason::ClientClosed);
        }
        other => panic!("{other:?}"),
    }
}
