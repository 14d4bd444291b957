//! The storage of the leaders. For each shard, it rejects a token smaller than an earlier one.

use std::{
    num::NonZeroU32,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    routing::put,
};
use noleader::fencing::{self, Fenced};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    clock::now,
    writes::{Stored, Write},
};

#[derive(Debug)]
pub(crate) struct Ledger {
    /// The accepted writes of each shard.
    shards: Vec<Mutex<Fenced<Vec<Stored>>>>,
    stale: AtomicU64,
}

#[derive(Debug)]
pub(crate) struct Storage {
    pub(crate) url: String,
    ledger: Arc<Ledger>,
    server: JoinHandle<()>,
}

impl Storage {
    pub(crate) async fn start(shards: NonZeroU32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let ledger = Arc::new(Ledger {
            shards: (0..shards.get()).map(|_| Mutex::default()).collect(),
            stale: AtomicU64::new(0),
        });
        let app = Router::new()
            .route("/{candidate}/{shard}/{id}", put(write))
            .with_state(ledger.clone());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            url,
            ledger,
            server,
        }
    }

    /// All accepted writes.
    pub(crate) fn stored(&self) -> Vec<Stored> {
        let of = |shard: &Mutex<Fenced<Vec<Stored>>>| shard.lock().unwrap().read().clone();
        self.ledger.shards.iter().flat_map(of).collect()
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

/// The path of a write of this candidate.
pub(crate) fn path(candidate: usize, shard: u32, id: u64) -> String {
    format!("/{candidate}/{shard}/{id}")
}

async fn write(
    Path((candidate, shard, id)): Path<(usize, u32, u64)>,
    State(ledger): State<Arc<Ledger>>,
    headers: HeaderMap,
) -> StatusCode {
    let Ok(token) = fencing::token(&headers) else {
        return StatusCode::BAD_REQUEST;
    };
    let Some(of_shard) = ledger.shards.get(shard as usize) else {
        return StatusCode::NOT_FOUND;
    };
    let mut writes = of_shard.lock().unwrap();
    match writes.write(token) {
        Ok(writes) => writes.push(Stored {
            write: Write {
                id,
                shard,
                token: token.into(),
            },
            candidate,
            at: now(),
        }),
        Err(_) => {
            ledger.stale.fetch_add(1, Ordering::Relaxed);
            return StatusCode::CONFLICT;
        }
    }
    StatusCode::CREATED
}
