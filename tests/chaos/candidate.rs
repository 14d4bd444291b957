//! The process of a candidate: writes over HTTP behind the gate, and a log of its admissions.

use std::{
    convert::Infallible,
    env,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_nats::ConnectOptions;
use axum::{
    Extension, Router,
    body::Body,
    extract::{Query, Request, State},
    http::{HeaderMap, Method, StatusCode},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use noleader::{LeaderHandle, LeaderOnlyLayer, Term};
use serde::{Deserialize, Serialize};
use tokio::{
    net::TcpListener,
    sync::Notify,
    time::{sleep, timeout},
};

use crate::{
    clock::now,
    http::Sender,
    journal,
    log::Writer,
    probe::{self, Probe},
};

pub(crate) const LEASE: Duration = Duration::from_secs(2);
/// Longer than any request takes, so that a hand-over that took less has waited for all of them.
pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
pub(crate) const BUCKET: &str = "chaos";
pub(crate) const KEY: &str = "writer";

/// The variable that turns this test binary into a candidate: a [`Role`] in JSON.
const ROLE: &str = "NOLEADER_CHAOS_CANDIDATE";
/// How long the storage may take to answer.
const STORAGE_BOUND: Duration = Duration::from_secs(5);
/// Between two attempts to start, while the servers cannot be reached.
const RETRY: Duration = Duration::from_millis(100);
/// For answers that are on their way when the candidate leaves.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a candidate takes upon itself.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Risk {
    None,
    /// To take an absent key for a released one.
    TrustAbsentKey,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Role {
    pub(crate) id: String,
    pub(crate) listen: SocketAddr,
    pub(crate) nats: Vec<String>,
    pub(crate) storage: String,
    pub(crate) log: PathBuf,
    pub(crate) risk: Risk,
}

impl Role {
    /// What runs this binary again, as this candidate.
    pub(crate) fn command(&self) -> std::process::Command {
        let mut command = std::process::Command::new(env::current_exe().unwrap());
        command
            .args(["--exact", "candidate::candidate_process", "--nocapture"])
            .env(ROLE, serde_json::to_string(self).unwrap());
        command
    }
}

#[derive(Clone)]
struct App {
    leader: LeaderHandle,
    log: Writer,
    storage: Sender,
    leave: Arc<Notify>,
    /// It was told to leave.
    leaving: Arc<AtomicBool>,
}

/// When a request came to the gate.
#[derive(Clone, Copy)]
struct Outside(u64);

/// What a client asks of a write.
#[derive(Deserialize)]
struct Wish {
    /// How long it takes in all.
    hold_ms: u64,
}

/// Not a test by itself: the body of the candidates that the run starts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn candidate_process() {
    if let Ok(role) = env::var(ROLE) {
        run(serde_json::from_str(&role).unwrap()).await;
    }
}

async fn run(role: Role) {
    let log = Writer::create(&role.log).unwrap();
    probe::abort_at_a_panic(log.clone());
    let closing = journal::install(log.clone(), &role.log);
    let leader = start(&role).await;
    let leave = Arc::new(Notify::new());
    let leaving = Arc::<AtomicBool>::default();
    tokio::spawn(Probe::new(leader.clone(), log.clone(), closing, leaving.clone()).run());
    let listener = TcpListener::bind(role.listen).await.unwrap();
    let app = router(App {
        leader,
        log,
        storage: Sender::new(role.storage),
        leave: leave.clone(),
        leaving,
    });
    println!("serves");
    tokio::select! {
        served = async { axum::serve(listener, app).await } => served.unwrap(),
        () = leave.notified() => sleep(FAREWELL).await,
    }
}

/// Joins the election, however long it takes until a server answers.
async fn start(role: &Role) -> LeaderHandle {
    loop {
        let options = ConnectOptions::new()
            .connection_timeout(LEASE / 2)
            .ping_interval(LEASE / 4)
            .ignore_discovered_servers()
            .reconnect_delay_callback(|_| Duration::from_millis(50));
        if let Ok(client) = options.connect(role.nats.clone()).await {
            let builder = LeaderHandle::builder(BUCKET, KEY)
                .id(role.id.clone())
                .address(format!("http://{}", role.listen))
                .lease(LEASE)
                .drain_timeout(DRAIN_TIMEOUT)
                .dangerous_trust_absent_key(matches!(role.risk, Risk::TrustAbsentKey))
                .replicas(3);
            if let Ok(Ok(leader)) = timeout(LEASE * 5, builder.start(client)).await {
                return leader;
            }
        }
        sleep(RETRY).await;
    }
}

fn router(app: App) -> Router {
    Router::new()
        .route("/write", post(write))
        .layer(LeaderOnlyLayer::new(app.leader.clone()))
        // Outside of the gate, as it is added later.
        .layer(from_fn(stamp))
        .route("/step-down", post(step_down))
        .route("/shutdown", post(shutdown))
        .with_state(app)
}

async fn stamp(mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(Outside(now()));
    next.run(request).await
}

/// A write to the storage, half-way through; the answer is streamed up to its end.
async fn write(
    term: Term,
    Extension(Outside(outside)): Extension<Outside>,
    Query(wish): Query<Wish>,
    State(app): State<App>,
) -> Response {
    let admitted = app.log.admitted(term.token().into(), outside);
    let half = Duration::from_millis(wish.hold_ms) / 2;
    sleep(half).await;
    let mut headers = HeaderMap::new();
    term.fence(&mut headers);
    let stored = app.storage.send(Method::PUT, "/", headers, STORAGE_BOUND);
    let status = match stored.await {
        Some(stored) => stored.status(),
        None => StatusCode::BAD_GATEWAY,
    };
    let token = stream::iter([Ok::<_, Infallible>(Bytes::from(term.token().to_string()))]);
    let rest = stream::once(async move {
        sleep(half).await;
        // Noted before the end of the body gives the admission back.
        drop(admitted);
        Ok(Bytes::from_static(b"\n"))
    });
    (status, Body::from_stream(token.chain(rest))).into_response()
}

/// `204` if there was no term to give back.
async fn step_down(State(app): State<App>) -> StatusCode {
    let led = app.leader.is_leader();
    match app.leader.step_down().await {
        Ok(()) if led => StatusCode::OK,
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::GATEWAY_TIMEOUT,
    }
}

async fn shutdown(State(app): State<App>) -> StatusCode {
    app.leaving.store(true, Ordering::SeqCst);
    let left = app.leader.shutdown().await;
    app.leave.notify_one();
    match left {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::GATEWAY_TIMEOUT,
    }
}
