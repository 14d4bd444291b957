//! The process of a candidate: serves writes over HTTP behind the gate, and logs its admissions.

use std::{
    convert::Infallible,
    env, fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
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
use noleader::{ShardId, Term};
use serde::{Deserialize, Serialize};
use tokio::{
    net::TcpListener,
    runtime::Builder,
    sync::Notify,
    time::{sleep, timeout},
};

use crate::{
    clock::now,
    http::Sender,
    image::{self, Side},
    journal::{self, Journal},
    kind::Kind,
    log::{TermId, Writer},
    member::Member,
    probe::{self, Probe},
    storage,
};

pub(crate) const LEASE: Duration = Duration::from_secs(2);
/// Longer than any request, so that a shorter hand-over has waited for all of them.
pub(crate) const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
pub(crate) const BUCKET: &str = "chaos";
pub(crate) const KEY: &str = "writer";

/// The variable that turns this test binary into a candidate. Its value is a [`Role`] in JSON.
const ROLE: &str = "NOLEADER_CHAOS_CANDIDATE";
/// The longest wait for a response of the storage.
const STORAGE_BOUND: Duration = Duration::from_secs(5);
/// The pause between two attempts to start while no server is reachable.
const RETRY: Duration = Duration::from_millis(100);
/// The time for responses in flight when the candidate stops.
const FAREWELL: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Role {
    pub(crate) number: usize,
    pub(crate) id: String,
    pub(crate) listen: SocketAddr,
    pub(crate) nats: Vec<String>,
    pub(crate) storage: String,
    pub(crate) log: PathBuf,
    pub(crate) kind: Kind,
    /// Whether it has one thread, so that its process can be copied.
    pub(crate) is_copyable: bool,
}

impl Role {
    /// The command that runs this binary as the candidate.
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
    number: usize,
    member: Member,
    log: Writer,
    journal: Journal,
    storage: Sender,
    leave: Arc<Notify>,
    /// Whether it was asked to shut down.
    leaving: Arc<AtomicBool>,
}

/// When a request arrived at the gate.
#[derive(Clone, Copy)]
struct Outside(u64);

/// The query of a write.
#[derive(Deserialize)]
struct Wish {
    /// The total duration of the write.
    hold_ms: u64,
    /// The number of the write, which no other has.
    id: u64,
}

/// The query of a copy.
#[derive(Deserialize)]
struct Copy {
    /// The file name of its log.
    name: String,
}

/// Not a test: the body of the candidate processes that a run starts.
#[test]
fn candidate_process() {
    if let Ok(role) = env::var(ROLE) {
        let role: Role = serde_json::from_str(&role).unwrap();
        let mut runtime = if role.is_copyable {
            Builder::new_current_thread()
        } else {
            Builder::new_multi_thread()
        };
        let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(run(role));
    }
}

async fn run(role: Role) {
    let log = Writer::create(&role.log).unwrap();
    probe::abort_at_a_panic(log.clone());
    let journal = journal::install(log.clone());
    let member = start(&role).await;
    let leave = Arc::new(Notify::new());
    let leaving = Arc::<AtomicBool>::default();
    tokio::spawn(
        Probe::new(
            member.clone(),
            log.clone(),
            journal.closing.clone(),
            leaving.clone(),
        )
        .run(),
    );
    let listener = TcpListener::bind(role.listen).await.unwrap();
    let app = router(App {
        number: role.number,
        member,
        log,
        journal,
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

/// Joins, and retries until a server responds.
async fn start(role: &Role) -> Member {
    loop {
        let options = ConnectOptions::new()
            .connection_timeout(LEASE / 2)
            .ping_interval(LEASE / 4)
            .ignore_discovered_servers()
            .reconnect_delay_callback(|_| Duration::from_millis(50));
        if let Ok(client) = options.connect(role.nats.clone()).await
            && let Ok(Some(member)) = timeout(LEASE * 5, Member::start(role, client)).await
        {
            return member;
        }
        sleep(RETRY).await;
    }
}

fn router(app: App) -> Router {
    let gated = Router::new().route("/write", post(write));
    app.member
        .guard(gated)
        // Added after the gate, so it runs before it.
        .layer(from_fn(stamp))
        .route("/step-down", post(step_down))
        .route("/shutdown", post(shutdown))
        .route("/copy", post(copy))
        .with_state(app)
}

async fn stamp(mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(Outside(now()));
    next.run(request).await
}

/// Writes to the storage after half of the duration, and ends the streamed response after all of it.
async fn write(
    term: Term,
    shard: Option<Extension<ShardId>>,
    Extension(Outside(outside)): Extension<Outside>,
    Query(wish): Query<Wish>,
    State(app): State<App>,
) -> Response {
    let shard = shard.map_or(0, |Extension(shard)| shard.index());
    let token = term.token().into();
    let admitted = app.log.admitted(TermId { shard, token }, outside);
    let half = Duration::from_millis(wish.hold_ms) / 2;
    sleep(half).await;
    let mut headers = HeaderMap::new();
    term.fence(&mut headers);
    let path = storage::path(app.number, shard, wish.id);
    let stored = app.storage.send(Method::PUT, &path, headers, STORAGE_BOUND);
    let status = match stored.await {
        Some(stored) => stored.status(),
        None => StatusCode::BAD_GATEWAY,
    };
    let token = stream::iter([Ok::<_, Infallible>(Bytes::from(term.token().to_string()))]);
    let rest = stream::once(async move {
        sleep(half).await;
        // Logged before the end of the body ends the admission.
        drop(admitted);
        Ok(Bytes::from_static(b"\n"))
    });
    (status, Body::from_stream(token.chain(rest))).into_response()
}

/// `204` if there was no term to hand over. Nodes of shards have no such call.
async fn step_down(State(app): State<App>) -> StatusCode {
    let Member::Election(leader, _) = &app.member else {
        return StatusCode::NOT_IMPLEMENTED;
    };
    let led = leader.is_leader();
    match leader.step_down().await {
        Ok(()) if led => StatusCode::OK,
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::GATEWAY_TIMEOUT,
    }
}

async fn shutdown(State(app): State<App>) -> StatusCode {
    app.leaving.store(true, Ordering::SeqCst);
    let left = app.member.shutdown().await;
    app.leave.notify_one();
    match left {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::GATEWAY_TIMEOUT,
    }
}

/// Copies this process. The copy logs to `name` what this one has logged, and continues from there.
async fn copy(Query(Copy { name }): Query<Copy>, State(app): State<App>) -> StatusCode {
    let log = app.log.path().with_file_name(name);
    app.copy(&log).unwrap();
    // The client of the copy is gone.
    StatusCode::OK
}

impl App {
    /// Returns in both processes.
    fn copy(&self, log: &Path) -> io::Result<()> {
        fs::copy(self.log.path(), log)?;
        if image::copy()? == Side::Copy {
            self.log.move_to(log)?;
            self.journal.move_to(log)?;
        }
        Ok(())
    }
}
