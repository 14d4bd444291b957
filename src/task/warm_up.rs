use std::{fmt, future::Future, pin::Pin, sync::Arc};

use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

use super::term::Term;
use crate::error::BoxError;

type BoxFuture = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

/// The closure that runs between winning the election and opening the gate.
#[derive(Clone)]
pub(crate) struct WarmUp(Arc<dyn Fn(Term) -> BoxFuture + Send + Sync>);

impl WarmUp {
    pub(crate) fn new<F, Fut, E>(run: F) -> Self
    where
        F: Fn(Term) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        Self(Arc::new(move |term| {
            let warmed = run(term);
            Box::pin(async move { warmed.await.map_err(Into::into) })
        }))
    }

    /// Starts the closure once the `earlier` warm-ups have ended: a cancelled warm-up runs on while it blocks its
    /// thread.
    pub(super) fn start(&self, term: Term, earlier: Vec<CancellationToken>) -> Warming {
        let (token, run, ended) = (
            term.token().into(),
            self.0.clone(),
            CancellationToken::new(),
        );
        let end = ended.clone().drop_guard();
        // In a separate task, which turns a panic of the closure or of its future into an error.
        let task = tokio::spawn(async move {
            let _end = end;
            for earlier in earlier {
                earlier.cancelled().await;
            }
            run(term).await
        });
        Warming { token, task, ended }
    }
}

impl fmt::Debug for WarmUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WarmUp")
    }
}

/// A running warm-up. Dropping this cancels it.
#[derive(Debug)]
pub(super) struct Warming {
    token: u64,
    task: JoinHandle<Result<(), BoxError>>,
    ended: CancellationToken,
}

impl Warming {
    /// Waits for the end, and returns the term's fencing token and whether the node is ready. Cancel safe.
    pub(super) async fn finished(&mut self) -> (u64, bool) {
        let ready = match (&mut self.task).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::error!(error, "warm-up failed; releasing the lease");
                false
            }
            Err(error) => {
                if error.is_panic() {
                    log_panic(&error);
                }
                false
            }
        };
        (self.token, ready)
    }

    /// A token that is cancelled when the warm-up ends. A cancelled warm-up ends at its next `await`.
    pub(super) fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }
}

fn log_panic(error: &JoinError) {
    tracing::error!(%error, "warm-up panicked; releasing the lease");
}

impl Drop for Warming {
    fn drop(&mut self) {
        self.task.abort();
    }
}
