//! The orders app: reads on every replica, writes on the leader.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    routing::{get, post},
};
use noleader::{LeaderHandle, LeaderOnlyLayer, Term};
use tokio::net::TcpListener;

/// Short, so that the demo is short. The default is 15 s.
pub(crate) const LEASE: Duration = Duration::from_secs(2);

#[derive(Clone)]
struct App {
    leader: LeaderHandle,
    /// The fencing token of each order that this replica accepted.
    orders: Arc<Mutex<Vec<u64>>>,
}

pub(crate) async fn run(id: &str, address: &str, nats_url: &str) -> anyhow::Result<()> {
    let leader = LeaderHandle::builder("demo", "orders")
        .id(id)
        .address(format!("http://{address}"))
        .lease(LEASE)
        .start(async_nats::connect(nats_url).await?)
        .await?;

    let app = Router::new()
        .route("/orders", get(list).post(create))
        .layer(LeaderOnlyLayer::new(leader.clone()).writes_only())
        // The layer does not apply to routes added after it.
        .route("/leader", get(who_leads))
        .route("/step-down", post(step_down))
        .with_state(App {
            leader,
            orders: Arc::default(),
        });

    let listener = TcpListener::bind(address).await?;
    println!("listening");
    axum::serve(listener, app).await?;
    Ok(())
}

/// Accepts an order, and returns the fencing token of the term.
async fn create(term: Term, State(app): State<App>) -> (StatusCode, String) {
    let mut orders = app.orders.lock().unwrap_or_else(PoisonError::into_inner);
    orders.push(term.token().into());
    (StatusCode::CREATED, format!("{}\n", term.token()))
}

/// The orders that this replica accepted: one fencing token per line.
async fn list(State(app): State<App>) -> String {
    let orders = app.orders.lock().unwrap_or_else(PoisonError::into_inner);
    orders.iter().map(|token| format!("{token}\n")).collect()
}

async fn who_leads(State(app): State<App>) -> String {
    match app.leader.leader() {
        Some(leader) => format!("{}, fencing token {}\n", leader.id(), leader.token()),
        None => "no leader known\n".to_owned(),
    }
}

async fn step_down(State(app): State<App>) -> (StatusCode, String) {
    match app.leader.step_down().await {
        Ok(()) => (StatusCode::OK, "stepped down\n".to_owned()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
    }
}
