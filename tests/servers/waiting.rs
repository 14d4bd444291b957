//! Candidates that start before their store can be used.

use std::{process::Command, sync::Arc, time::Duration};

use async_nats::{Client, connection::State, jetstream};
use http::Request;
use noleader::{
    Builder, Leader, LeaderHandle, StartError, Status, StopReason, Term,
    store::{JetStream, StoreError},
    test_util::FakeClock,
};
use noleader_fixture::{Cluster, Server, eventually, nats_server};
use tokio::{sync::Notify, time::timeout};
use tower::ServiceExt;

use crate::{
    lines::Lines,
    support::{BOUND, LEASE, candidate, elected, follows, steady, until},
};

const WAITING: &str = "waiting for the lease store; the gate stays closed";

/// A server that is down.
async fn down() -> Server {
    let mut server = Server::start().await.unwrap();
    server.kill();
    server
}

/// A client that connects as soon as the server is up.
async fn early_client(server: &Server) -> Client {
    let options = server.connect_options().retry_on_initial_connect();
    options.connect(server.url()).await.unwrap()
}

/// Starts a candidate that has to wait.
async fn start_early(server: &Server, builder: Builder) -> LeaderHandle {
    let starting = builder.start(early_client(server).await);
    let handle = timeout(BOUND, starting).await.unwrap().unwrap();
    assert_eq!(handle.status(), Status::Follower { leader: None });
    assert!(!handle.is_leader());
    handle
}

/// The codes and the bodies of `/health` and of `/live`.
async fn endpoints(handle: &LeaderHandle) -> [(u16, String); 2] {
    let health = handle.health().oneshot(Request::new(())).await.unwrap();
    let live = handle.liveness().oneshot(Request::new(())).await.unwrap();
    [health, live].map(|response| (response.status().as_u16(), response.into_body()))
}

#[tokio::test]
async fn a_node_started_before_its_server_leads_later() {
    let (lines, _guard) = Lines::collect();
    let mut server = down().await;
    let a = start_early(&server, steady("a")).await;
    let observer = start_early(&server, candidate("o").observe()).await;
    // Several attempts fail.
    lines
        .until(&["DEBUG", "still waiting for the lease store"])
        .await;
    assert_eq!(lines.with(&["WARN", WAITING, "not connected"]).len(), 2);
    let [health, live] = endpoints(&a).await;
    assert_eq!((health.0, live.0), (503, 200), "{health:?} {live:?}");

    server.restart().await.unwrap();
    elected(&a).await;
    follows(&observer, "a").await;
    assert_eq!(lines.with(&["WARN", WAITING]).len(), 2, "{lines}");
    assert_eq!(lines.with(&["INFO", "lease store is ready"]).len(), 2);
}

#[tokio::test]
async fn a_waiting_node_stays_alive() {
    let server = down().await;
    let clock = FakeClock::new();
    let a = start_early(&server, candidate("a").clock(clock.clone())).await;
    for _ in 0..8 {
        clock.advance(LEASE);
        // Once the task has run.
        let alive = async || (endpoints(&a).await[1].0 == 200).then_some(());
        eventually("progress", BOUND, alive).await.unwrap();
    }
    assert_eq!(a.status(), Status::Follower { leader: None });
}

#[tokio::test]
async fn a_waiting_node_stops_at_once() {
    let server = down().await;
    // A pause between two attempts would take longer than the test.
    let still = || candidate("a").clock(FakeClock::new());
    let a = start_early(&server, still()).await;
    timeout(BOUND, a.step_down()).await.unwrap().unwrap();
    assert_eq!(a.status(), Status::Follower { leader: None });
    timeout(BOUND, a.shutdown()).await.unwrap().unwrap();
    assert_eq!(a.status(), Status::Stopped);
    assert_eq!(
        a.elected().await.unwrap_err().reason(),
        StopReason::Shutdown
    );

    let b = start_early(&server, still()).await;
    let mut status = b.watch();
    drop(b);
    let stopped = status.wait_for(|status| *status == Status::Stopped);
    timeout(BOUND, stopped).await.unwrap().unwrap();
}

#[tokio::test]
async fn bucket_found_unfit_later_is_retried() {
    let (lines, _guard) = Lines::collect();
    let mut server = Server::start().await.unwrap();
    let bucket = |max_age| jetstream::kv::Config {
        bucket: "elections".to_owned(),
        max_age,
        ..Default::default()
    };
    let context = jetstream::new(server.client().await.unwrap());
    let unfit = bucket(Duration::from_secs(1));
    context.create_key_value(unfit).await.unwrap();
    server.kill();
    let a = start_early(&server, steady("a")).await;
    server.restart().await.unwrap();
    let message = "the lease store cannot be used; retrying";
    lines.until(&["ERROR", message, "max_age"]).await;
    lines.until(&["DEBUG", "still waiting", "max_age"]).await;
    assert_eq!(a.status(), Status::Follower { leader: None });
    let fit = async || context.update_key_value(bucket(Duration::ZERO)).await.ok();
    eventually("the other setting", BOUND, fit).await.unwrap();
    elected(&a).await;
    assert_eq!(lines.with(&["ERROR", message]).len(), 1, "{lines}");
}

#[tokio::test]
async fn a_work_loop_waits_for_its_server() {
    let mut server = down().await;
    let store = JetStream::new(early_client(&server).await, "elections", "writer");
    let builder = LeaderHandle::with_store(store).lease(LEASE);
    let leader = Leader::with_builder(builder.dangerous_trust_absent_key(true));
    let early = leader.create_bucket().await;
    assert!(
        matches!(early, Err(StartError::Store(StoreError::Disconnected))),
        "{early:?}"
    );
    let worked = Arc::<Notify>::default();
    let running = tokio::spawn({
        let (leader, worked) = (leader.clone(), worked.clone());
        let work = move |term: Term| {
            worked.notify_one();
            async move {
                term.closing().cancelled().await;
                anyhow::Ok(())
            }
        };
        async move { leader.run(work).await }
    });
    let handle = async || leader.handle();
    let handle = eventually("a handle", BOUND, handle).await.unwrap();
    assert_eq!(handle.status(), Status::Follower { leader: None });
    server.restart().await.unwrap();
    timeout(BOUND, worked.notified()).await.unwrap();
    handle.shutdown().await.unwrap();
    running.await.unwrap().unwrap();
}

/// The server neither answers nor refuses a call that the user may not make.
#[tokio::test]
async fn a_store_without_answers_fails_after_30_s() {
    let (lines, _guard) = Lines::collect();
    let users = "authorization { users: [
        { user: admin, password: admin },
        { user: mute, password: mute, permissions: { publish: [\"nothing\"] } },
    ] }";
    let server = Server::builder()
        .config(users)
        .credentials("admin", "admin");
    let server = server.start().await.unwrap();
    let options = async_nats::ConnectOptions::with_user_and_password("mute".into(), "mute".into());
    let client = options.connect(server.url()).await.unwrap();
    let clock = FakeClock::new();
    let builder = candidate("a").clock(clock.clone());
    let mut starting = tokio::spawn(builder.start(client));
    let paused = async || clock.next_timer();
    eventually("a second attempt", BOUND, paused).await.unwrap();
    clock.advance(Duration::from_secs(29));
    // The second attempt fails too, and a third follows.
    let paused = async || clock.next_timer().filter(|_| !starting.is_finished());
    eventually("a third attempt", BOUND, paused).await.unwrap();
    clock.advance(Duration::from_secs(2));
    let started = timeout(BOUND, &mut starting).await.unwrap().unwrap();
    match started {
        Err(StartError::Store(StoreError::NoAnswer { subject, .. })) => {
            assert_eq!(subject, "$JS.API.STREAM.INFO.KV_elections");
            let logged = lines.with(&["WARN", "no response from the lease store"]);
            assert_eq!(logged.len(), 1, "{lines}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn node_waits_for_server_in_lame_duck_mode() {
    let (lines, _guard) = Lines::collect();
    let config = "lame_duck_grace_period: \"40s\"\nlame_duck_duration: \"80s\"";
    let mut server = Server::builder().config(config).start().await.unwrap();
    let client = server.client().await.unwrap();
    signal(&server, "ldm");
    lines.until(&["lame duck mode detected"]).await;
    // The server no longer responds, and the client is still connected.
    let starting = tokio::spawn(steady("a").start(client.clone()));
    let unanswered = client.request("$JS.API.INFO", "".into()).await;
    assert!(unanswered.is_err(), "{unanswered:?}");
    assert_eq!(client.connection_state(), State::Connected);
    assert!(!starting.is_finished());
    server.restart().await.unwrap();
    let a = timeout(BOUND, starting).await.unwrap().unwrap().unwrap();
    elected(&a).await;
}

#[tokio::test]
async fn a_cluster_without_a_quorum_is_waited_out() {
    let (lines, _guard) = Lines::collect();
    let mut cluster = Cluster::start().await.unwrap();
    for index in [1, 2] {
        cluster.server_mut(index).kill();
    }
    let client = cluster.client().await.unwrap();
    let info = async || {
        let context = jetstream::new(client.clone());
        context.get_stream("KV_elections").await.err()?;
        Some(())
    };
    eventually("a response", BOUND, info).await.unwrap();
    let a = timeout(BOUND, steady("a").replicas(3).start(client.clone()));
    let a = a.await.unwrap().unwrap();
    // The second, if the server still works on an attempt without a response, which asked for another first revision.
    let logged = async || {
        let with = |code| lines.with(&["WARN", WAITING, code]).pop();
        with("error code 10008").or_else(|| with("error code 10058"))
    };
    eventually("the reason", BOUND, logged).await.unwrap();
    for index in [1, 2] {
        cluster.server_mut(index).restart().await.unwrap();
    }
    until(&a, |status| matches!(status, Status::Leader { .. })).await;
}

/// Sends a signal to the server, as its operator does.
fn signal(server: &Server, name: &str) {
    let mut command = Command::new(nats_server().unwrap());
    let sent = command
        .arg("--signal")
        .arg(format!("{name}={}", server.pid()));
    assert!(sent.status().unwrap().success());
}
