//! The storage: it keeps one list twice, with a fence and without, to show the difference.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::get,
};
use noleader::{
    FencingToken,
    fencing::{self, Fenced},
};
use tokio::{net::TcpListener, sync::oneshot};

/// Clones share the data.
#[derive(Clone, Default)]
pub(crate) struct Storage {
    registers: Arc<Mutex<Registers>>,
    slow: Arc<Mutex<Option<oneshot::Sender<Held>>>>,
}

#[derive(Default)]
struct Registers {
    /// The list that the storage serves.
    fenced: Fenced<String>,
    /// The list without a fence: every write is accepted.
    unfenced: String,
}

/// A response to a read. It is sent when this is dropped.
pub(crate) struct Held {
    _goes_on: oneshot::Sender<()>,
}

impl Storage {
    /// Serves on a free port, and returns the URL.
    pub(crate) async fn serve(&self) -> anyhow::Result<String> {
        let app = Router::new()
            .route("/orders", get(read).put(write))
            .with_state(self.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(url)
    }

    pub(crate) fn fenced(&self) -> String {
        self.registers().fenced.read().clone()
    }

    pub(crate) fn unfenced(&self) -> String {
        self.registers().unfenced.clone()
    }

    /// Holds the response to the next read. Resolves once that read has arrived.
    pub(crate) fn hold_next_read(&self) -> oneshot::Receiver<Held> {
        let (sender, receiver) = oneshot::channel();
        *lock(&self.slow) = Some(sender);
        receiver
    }

    async fn be_slow(&self) {
        let slow = lock(&self.slow).take();
        if let Some(slow) = slow {
            let (sender, goes_on) = oneshot::channel();
            let _ = slow.send(Held { _goes_on: sender });
            let _ = goes_on.await;
        }
    }

    fn registers(&self) -> MutexGuard<'_, Registers> {
        lock(&self.registers)
    }
}

type Refusal = (StatusCode, String);

/// A read raises the fence too: writes of an earlier term must not change what it saw.
async fn read(State(storage): State<Storage>, headers: HeaderMap) -> Result<String, Refusal> {
    let token = token(&headers)?;
    let orders = storage.registers().fenced.write(token).cloned();
    let orders = orders.map_err(|stale| (StatusCode::CONFLICT, stale.to_string()))?;
    storage.be_slow().await;
    Ok(orders)
}

async fn write(
    State(storage): State<Storage>,
    headers: HeaderMap,
    orders: String,
) -> Result<(), Refusal> {
    let token = token(&headers)?;
    // The token is compared and the list is written under one lock.
    let mut registers = storage.registers();
    registers.unfenced.clone_from(&orders);
    match registers.fenced.write(token) {
        Ok(fenced) => *fenced = orders,
        Err(stale) => return Err((StatusCode::CONFLICT, stale.to_string())),
    }
    Ok(())
}

fn token(headers: &HeaderMap) -> Result<FencingToken, Refusal> {
    fencing::token(headers).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
