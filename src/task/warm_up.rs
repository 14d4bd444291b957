use std::{fmt, future::Future, pin::Pin, sync::Arc};

use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

use super::term::Term;
use crate::error::BoxError;

type BoxFuture = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

/// What a node does between winning and opening its gate.
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

    /// Starts it once the `earlier` ones have ended: one that was cancelled, but blocks its thread, still runs.
    pub(super) fn start(&self, term: Term, earlier: Vec<CancellationToken>) -> Warming {
        let (token, run, ended) = (
            term.token().into(),
            self.0.clone(),
            CancellationToken::new(),
        );
        let end = ended.clone().drop_guard();
        // A task of its own, so that a panic in it is an error here. The closure runs inside it, too.
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

/// A warm-up that runs. It is cancelled when this is dropped.
#[derive(Debug)]
pub(super) struct Warming {
    token: u64,
    task: JoinHandle<Result<(), BoxError>>,
    ended: CancellationToken,
}

impl Warming {
    /// Waits for its end: the term's fencing token, and whether the node is ready. Cancel safe.
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

    /// Is cancelled once it has ended; if it was cancelled itself, at its next `await`.
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
