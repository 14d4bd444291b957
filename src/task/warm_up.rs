use std::{any::Any, fmt, future::Future, panic::AssertUnwindSafe, pin::Pin, sync::Arc};

use futures_util::{
    FutureExt,
    future::{self, AbortHandle},
};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::term::Term;
use crate::{error::BoxError, runtime::Spawner};

type BoxFuture = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

/// The closure that runs between winning the election and opening the gate. It is called with the term, or the shard.
pub(crate) struct WarmUp<T = Term>(Arc<dyn Fn(T) -> BoxFuture + Send + Sync>);

impl<T: Send + 'static> WarmUp<T> {
    pub(crate) fn new<F, Fut, E>(run: F) -> Self
    where
        F: Fn(T) -> Fut + Send + Sync + 'static,
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
    pub(crate) fn start(
        &self,
        spawner: &Spawner,
        (token, term): (u64, T),
        earlier: Vec<CancellationToken>,
    ) -> Warming {
        let (run, ended) = (self.0.clone(), CancellationToken::new());
        let end = ended.clone().drop_guard();
        let warm = async move {
            for earlier in earlier {
                earlier.cancelled().await;
            }
            run(term).await
        };
        // In a separate task, which a stuck closure does not stop from renewing the lease.
        let (warm, abort) = future::abortable(AssertUnwindSafe(warm).catch_unwind());
        let (sender, result) = oneshot::channel();
        spawner.spawn(async move {
            let result = warm.await;
            drop(end);
            if let Ok(result) = result {
                // The receiver may have been dropped.
                let _ = sender.send(result);
            }
        });
        Warming {
            token,
            result,
            abort,
            ended,
        }
    }
}

impl<T> Clone for WarmUp<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for WarmUp<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WarmUp")
    }
}

/// The panic of a warm-up, or its result.
type Caught = Result<Result<(), BoxError>, Box<dyn Any + Send>>;

/// A running warm-up. Dropping this cancels it.
#[derive(Debug)]
pub(crate) struct Warming {
    token: u64,
    result: oneshot::Receiver<Caught>,
    abort: AbortHandle,
    ended: CancellationToken,
}

impl Warming {
    /// Waits for the end, and returns the term's fencing token and whether the node is ready. Cancel safe.
    pub(crate) async fn finished(&mut self) -> (u64, bool) {
        let ready = match (&mut self.result).await {
            Ok(Ok(Ok(()))) => true,
            Ok(Ok(Err(error))) => {
                tracing::error!(error, "warm-up failed; ending the term");
                false
            }
            Ok(Err(panic)) => {
                log_panic(&*panic);
                false
            }
            // Its runtime has ended.
            Err(_) => false,
        };
        (self.token, ready)
    }

    /// A token that is cancelled when the warm-up ends. A cancelled warm-up ends at its next `await`.
    pub(crate) fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }
}

fn log_panic(panic: &(dyn Any + Send)) {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let error = text.unwrap_or("panic without a message");
    tracing::error!(error, "warm-up panicked; ending the term");
}

impl Drop for Warming {
    fn drop(&mut self) {
        self.abort.abort();
    }
}
