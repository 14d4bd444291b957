use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use serde::Serialize;
use tower_service::Service;

use super::answer::answer;
use crate::task::{LeaderHandle, Shared};

/// After how many leases without progress a task is taken for stuck. A task that runs comes round once in
/// a lease, whatever it waits for.
const PATIENCE: u32 = 2;

/// An HTTP service that tells whether the election's background task is alive, from
/// [`LeaderHandle::liveness`].
///
/// It looks on: it does not keep the election going once every [`LeaderHandle`] is dropped.
#[derive(Clone, Debug)]
pub struct Liveness {
    shared: Arc<Shared>,
}

#[derive(Debug, Serialize)]
struct Report {
    status: Condition,
    progress_secs_ago: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Condition {
    Alive,
    Stalled,
    Stopped,
}

impl LeaderHandle {
    /// An HTTP service that answers 200 while the election's background task makes progress, and 503 once
    /// it has made none for two leases, or has ended: for whoever restarts a broken process.
    ///
    /// ```
    /// # use axum::Router;
    /// # use noleader::LeaderHandle;
    /// # fn example(leader: LeaderHandle) -> Router {
    /// Router::new().route_service("/live", leader.liveness())
    /// # }
    /// ```
    ///
    /// A node is alive whether or not it leads, and also while it cannot reach its store: a restart would
    /// not help. It is not while something blocks the threads of the runtime, once the task has panicked,
    /// and after a [`shutdown`](Self::shutdown). It answers every path, with a body in JSON:
    ///
    /// | field | |
    /// |---|---|
    /// | `status` | `alive` (and only then 200), `stalled` or `stopped` |
    /// | `progress_secs_ago` | seconds since the task last came round, which it does once in a lease at least |
    ///
    /// `GET` and `HEAD` are answered, other methods with 405. A process that was paused or suspended for
    /// longer than two leases is `stalled` until its task has run, for up to a second; let a probe fail more
    /// than once before you act on it.
    #[must_use]
    pub fn liveness(&self) -> Liveness {
        Liveness {
            shared: self.shared().clone(),
        }
    }
}

impl Report {
    fn new(shared: &Shared) -> Self {
        let since = shared.since_progress();
        let status = if shared.has_ended() {
            Condition::Stopped
        } else if since >= shared.lease() * PATIENCE {
            Condition::Stalled
        } else {
            Condition::Alive
        };
        Self {
            status,
            progress_secs_ago: since.as_secs_f64(),
        }
    }
}

impl<B> Service<Request<B>> for Liveness {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let report = Report::new(&self.shared);
        let alive = report.status == Condition::Alive;
        ready(Ok(answer(request.method(), alive, &report)))
    }
}
