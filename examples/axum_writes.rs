//! An axum app in which every node serves reads, and only the leader accepts writes.
//!
//! ```sh
//! PORT=8080 ID=a cargo run --example axum_writes
//! PORT=8081 ID=b cargo run --example axum_writes
//!
//! curl -i localhost:8081/orders             # 200 on both
//! curl -i -X POST localhost:8080/orders     # 201 on one of them, 503 on the other
//! curl -N localhost:8080/orders/new         # new orders as they come in, on the leader
//! ```
//!
//! It needs a NATS server with JetStream at `NATS_URL`, by default `localhost:4222`. On Ctrl-C or SIGTERM the node
//! first leaves the election: it rejects new writes, finishes those that it has admitted, and releases the lease.
//! Then its server stops. With `forward` or `redirect`, it would have to serve for a moment longer: see
//! "Stopping a node" in docs/actions.md.

use std::{convert::Infallible, env, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::sse::{Event, Sse},
    routing::get,
};
use futures_util::{Stream, StreamExt, stream};
use noleader::{LeaderHandle, LeaderOnlyLayer, Term};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
};

type Orders = Arc<watch::Sender<Vec<String>>>;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().init();
    let setting = |name, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let port = setting("PORT", "8080");

    let client = async_nats::connect(setting("NATS_URL", "localhost:4222")).await?;
    let leader = LeaderHandle::builder("orders", "writer")
        .id(setting("ID", "a"))
        .address(format!("http://localhost:{port}"))
        .start(client)
        .await?;

    let gate = LeaderOnlyLayer::new(leader.clone());
    let new = Router::new()
        .route("/orders/new", get(follow))
        .layer(gate.clone());
    let app = Router::new()
        .route("/orders", get(list).post(create))
        .layer(gate.writes_only())
        .merge(new)
        .with_state(Orders::default());

    let listener = TcpListener::bind(format!("localhost:{port}")).await?;
    tracing::info!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app)
        .with_graceful_shutdown(leave(leader))
        .await?;
    Ok(())
}

/// Runs on every node. A node keeps its orders in memory, so it lists only those that it accepted itself.
async fn list(State(orders): State<Orders>) -> String {
    orders.borrow().concat()
}

/// Runs on the leader only. A real app sends the token to its database, which rejects a token smaller than the
/// largest that it has seen.
async fn create(term: Term, State(orders): State<Orders>) -> (StatusCode, String) {
    let mut order = String::new();
    orders.send_modify(|orders| {
        order = format!(
            "order {}, fencing token {}\n",
            orders.len() + 1,
            term.token()
        );
        orders.push(order.clone());
    });
    (StatusCode::CREATED, order)
}

/// Sends new orders as server-sent events. The stream ends when the gate closes: the lease is held while a response is
/// in progress, so a stream without an end would hold up the hand-over.
async fn follow(
    term: Term,
    State(orders): State<Orders>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let events = stream::unfold(orders.subscribe(), async |mut orders| {
        orders.changed().await.ok()?;
        let last = orders.borrow_and_update().last().cloned();
        let event = Event::default().data(last.unwrap_or_default().trim_end());
        Some((Ok(event), orders))
    });
    Sse::new(events.take_until(term.closing().cancelled_owned()))
}

/// Leaves the election on a signal. The server stops when this returns.
async fn leave(leader: LeaderHandle) {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated => {}
    }
    if let Err(error) = leader.shutdown().await {
        tracing::warn!(%error, "could not release the lease; the next leader waits until it expires");
    }
}
