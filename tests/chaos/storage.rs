//! The storage of the leaders. It rejects a token smaller than an earlier one.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::put,
};
use noleader::fencing::{self, Fenced};
use tokio::{net::TcpListener, task::JoinHandle};

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The number of accepted writes.
    writes: Mutex<Fenced<u64>>,
    stale: AtomicU64,
}

#[derive(Debug)]
pub(crate) struct Storage {
    pub(crate) url: String,
    ledger: Arc<Ledger>,
    server: JoinHandle<()>,
}

impl Storage {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let ledger = Arc::<Ledger>::default();
        let app = Router::new()
            .route("/", put(write))
            .with_state(ledger.clone());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            url,
            ledger,
            server,
        }
    }

    pub(crate) fn taken(&self) -> u64 {
        *self.ledger.writes.lock().unwrap().read()
    }

    /// The number of writes that were rejected for a stale token.
    pub(crate) fn stale(&self) -> u64 {
        self.ledger.stale.load(Ordering::Relaxed)
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn write(State(ledger): State<Arc<Ledger>>, headers: HeaderMap) -> StatusCode {
    let Ok(token) = fencing::token(&headers) else {
        return StatusCode::BAD_REQUEST;
    };
    let mut writes = ledger.writes.lock().unwrap();
    match writes.write(token) {
        Ok(count) => *count += 1,
        Err(_) => {
            ledger.stale.fetch_add(1, Ordering::Relaxed);
            return StatusCode::CONFLICT;
        }
    }
    StatusCode::CREATED
}
