//! An application that counts the executions of each request.

use std::sync::Arc;

use ::http::HeaderMap;
use axum::{Router, body::Bytes, extract::State, routing::any};
use tokio::sync::{Semaphore, watch};

use crate::{cluster::soon, ledger::Ledger};

/// The header of a request that the application does not finish before the test lets it.
pub(crate) const SLOW: &str = "x-slow";

/// The executions on all nodes of a cluster. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Orders {
    pub(crate) executed: Ledger,
    /// The number of slow requests that have begun.
    begun: watch::Sender<usize>,
    /// The number of slow requests that may finish.
    released: Arc<Semaphore>,
}

impl Default for Orders {
    fn default() -> Self {
        Self {
            executed: Ledger::default(),
            begun: watch::Sender::new(0),
            released: Arc::new(Semaphore::new(0)),
        }
    }
}

impl Orders {
    /// The application for axum. It returns the body of each request.
    pub(crate) fn app(&self) -> Router {
        let handler = async |State(orders): State<Self>, headers: HeaderMap, body: Bytes| {
            orders.execute(&headers).await;
            body
        };
        Router::new()
            .route("/orders", any(handler))
            .with_state(self.clone())
    }

    pub(crate) async fn execute(&self, headers: &HeaderMap) {
        self.executed.record(headers);
        if headers.contains_key(SLOW) {
            self.begun.send_modify(|begun| *begun += 1);
            self.released.acquire().await.unwrap().forget();
        }
    }

    /// Waits until a slow request is in progress.
    pub(crate) async fn has_begun(&self) {
        let mut begun = self.begun.subscribe();
        soon(begun.wait_for(|begun| *begun > 0)).await.unwrap();
    }

    /// Lets one slow request finish.
    pub(crate) fn release(&self) {
        self.released.add_permits(1);
    }
}
