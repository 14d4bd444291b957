//! A node: it takes the orders of the customers in its shards, and forwards all others.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    body::Body,
    extract::{Path, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use noleader::{LeaderOnlyLayer, Shard, ShardId, Shards, Term};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::spawn_blocking,
    time::sleep,
};

use crate::storage::{Storage, WriteError};

/// Ten for each node and more, so that each node gets nearly the same part.
pub(crate) const SHARDS: u32 = 64;

/// Short, so that the example is short. The default is 15 s.
pub(crate) const LEASE: Duration = Duration::from_secs(2);

/// How long a node holds an order whose shard has no leader. A planned change takes less, a crash takes more.
const WAIT: Duration = Duration::from_secs(1);

/// How long a node serves after it has left: see "Stopping a node" in docs/actions.md. Until the others have seen that it
/// has left, they forward orders to it, and its refusal makes them try the next leader. If a connection is closed instead,
/// they cannot know whether the order was taken.
const LINGER: Duration = Duration::from_secs(1);

#[derive(Clone)]
struct App {
    id: Arc<str>,
    shards: Shards,
    storage: Storage,
}

/// Runs until SIGTERM.
pub(crate) async fn run(
    id: &str,
    address: &str,
    nats_url: &str,
    folder: &str,
) -> anyhow::Result<()> {
    let storage = Storage::new(folder);
    let listener = TcpListener::bind(address).await?;
    let fence = {
        let storage = storage.clone();
        move |shard: Shard| raise_fence(storage.clone(), shard)
    };
    let shards = Shards::builder("sharded_orders", SHARDS)
        .id(id)
        .address(format!("http://{address}"))
        .lease(LEASE)
        .warm_up(fence)
        .start(async_nats::connect(nats_url).await?)
        .await?;

    let http = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let gate = LeaderOnlyLayer::sharded(shards.clone(), customer)
        .wait_up_to(WAIT)
        .forward(http);
    let app = Router::new()
        .route("/customers/{customer}/orders", post(create))
        .layer(gate)
        // The layer does not apply to routes added after it.
        .route("/shards", get(owned))
        .with_state(App {
            id: id.into(),
            shards: shards.clone(),
            storage,
        });
    println!("listening");
    axum::serve(listener, app)
        .with_graceful_shutdown(leave(shards))
        .await?;
    Ok(())
}

/// The key that decides on the shard. All nodes need the same.
fn customer(request: &Request) -> Option<String> {
    let mut parts = request.uri().path().split('/').skip(1);
    match (parts.next(), parts.next()) {
        (Some("customers"), Some(customer)) => Some(customer.to_owned()),
        _ => None,
    }
}

/// From now on, the storage rejects late writes of earlier leaders. The gate of the shard opens after this.
async fn raise_fence(storage: Storage, shard: Shard) -> anyhow::Result<()> {
    Ok(spawn_blocking(move || storage.fence(shard.id(), shard.token())).await??)
}

/// Takes an order; the body is its id. Returns the node that took it.
async fn create(
    term: Term,
    Extension(shard): Extension<ShardId>,
    State(app): State<App>,
    Path(customer): Path<String>,
    order: String,
) -> Result<(StatusCode, String), Failure> {
    let (storage, token) = (app.storage, term.token());
    spawn_blocking(move || storage.add(shard, token, &customer, &order)).await??;
    Ok((StatusCode::CREATED, app.id.to_string()))
}

/// The shards that are open on this node, and their tokens: one shard per line.
async fn owned(State(app): State<App>) -> String {
    let line = |shard: Shard| format!("{} {}\n", shard.id(), shard.token());
    app.shards.owned().into_iter().map(line).collect()
}

/// Leaves on SIGTERM. The server stops when this returns.
async fn leave(shards: Shards) {
    match signal(SignalKind::terminate()) {
        Ok(mut terminated) => terminated.recv().await,
        Err(_) => std::future::pending().await,
    };
    if let Err(error) = shards.shutdown().await {
        eprintln!("could not leave; the others wait for the lease: {error}");
    }
    sleep(LINGER).await;
}

/// Why an order was not taken.
struct Failure(StatusCode, String);

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        let status = match error {
            WriteError::Stale { .. } => StatusCode::CONFLICT,
            WriteError::Sqlite(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, error.to_string())
    }
}

impl From<tokio::task::JoinError> for Failure {
    fn from(error: tokio::task::JoinError) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, self.1).into_response()
    }
}
