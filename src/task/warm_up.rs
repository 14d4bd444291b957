use std::{error::Error, fmt, future::Future, pin::Pin, sync::Arc};

use tokio::task::{JoinError, JoinHandle};

use super::Term;

type BoxError = Box<dyn Error + Send + Sync>;
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

    pub(super) fn start(&self, term: Term) -> Warming {
        let token = term.token();
        let run = self.0.clone();
        // A task of its own, so that a panic in it is an error here. The closure runs inside it, too.
        let task = tokio::spawn(async move { run(term).await });
        Warming { token, task }
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
}

impl Warming {
    /// Waits for its end: the term's fencing token, and whether the node is ready. Cancel safe.
    pub(super) async fn finished(&mut self) -> (u64, bool) {
        let ready = match (&mut self.task).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::error!(error, "the warm-up failed; giving the lease back");
                false
            }
            Err(error) => {
                log_panic(&error);
                false
            }
        };
        (self.token, ready)
    }

    pub(super) fn cancel(&self) {
        self.task.abort();
    }

    /// Waits until it has stopped after it was [cancelled](Self::cancel): at its next `await`. Cancel safe.
    pub(super) async fn cancelled(&mut self) {
        // How it ended is of no interest any more.
        let _ = (&mut self.task).await;
    }
}

fn log_panic(error: &JoinError) {
    tracing::error!(%error, "the warm-up panicked; giving the lease back");
}

impl Drop for Warming {
    fn drop(&mut self) {
        self.task.abort();
    }
}
