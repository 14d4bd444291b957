use std::{
    convert::Infallible,
    fmt,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use serde::Serialize;
use tower_service::Service;

use super::answer::answer;
#[cfg(doc)]
use crate::task::StopReason;
use crate::{
    shards::{self, Shards},
    task::{LeaderHandle, Shared, Stopped},
};

/// The number of leases without progress after which a task is stuck. A live task makes progress at least once per
/// lease, whatever it waits for.
const PATIENCE: u32 = 2;

/// An HTTP service that reports whether the background task of the election is alive, from [`LeaderHandle::liveness`].
///
/// It does not keep the election running once every [`LeaderHandle`] is dropped.
#[derive(Clone, Debug)]
pub struct Liveness {
    task: Arc<dyn Task>,
}

/// What is known of a background task.
trait Task: fmt::Debug + Send + Sync {
    fn since_progress(&self) -> Duration;
    fn lease(&self) -> Duration;
    fn stopped(&self) -> Option<Stopped>;
}

impl Task for Shared {
    fn since_progress(&self) -> Duration {
        self.since_progress()
    }

    fn lease(&self) -> Duration {
        self.lease()
    }

    fn stopped(&self) -> Option<Stopped> {
        self.stopped()
    }
}

impl Task for shards::Shared {
    fn since_progress(&self) -> Duration {
        self.since_progress()
    }

    fn lease(&self) -> Duration {
        self.lease()
    }

    fn stopped(&self) -> Option<Stopped> {
        self.stopped()
    }
}

#[derive(Debug, Serialize)]
struct Report {
    status: Condition,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
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
    /// Returns an HTTP service for supervisors that restart a broken process.
    ///
    /// It responds with 200 while the background task of the election makes progress. It responds with 503 once the
    /// task has made no progress for two leases, or has ended.
    ///
    /// ```
    /// # use axum::Router;
    /// # use noleader::LeaderHandle;
    /// # fn example(leader: LeaderHandle) -> Router {
    /// Router::new().route_service("/live", leader.liveness())
    /// # }
    /// ```
    ///
    /// A node is alive on the leader and on every follower, and while its store is unreachable, because a restart would
    /// not help. It is not alive in these situations:
    ///
    /// - the application blocks the threads of the runtime
    /// - the task has panicked, or its runtime has ended
    /// - the client of the store is closed
    /// - the election was [shut down](Self::shutdown)
    ///
    /// The service responds on every path, to `GET` and `HEAD`, and with 405 to other methods. The body is a JSON
    /// object:
    ///
    /// | field | |
    /// |---|---|
    /// | `status` | `alive` with a 200; `stalled` or `stopped` with a 503 |
    /// | `reason` | with `stopped`: `client_closed`, `task_ended` or `shutdown`, as in [`StopReason`] |
    /// | `progress_secs_ago` | seconds since the task last made progress, which it does at least once per lease |
    ///
    /// A process that was paused or suspended for longer than two leases is `stalled` for up to a second, until its
    /// task has run again. Configure the probe to tolerate one failure.
    #[must_use]
    pub fn liveness(&self) -> Liveness {
        Liveness {
            task: self.shared().clone(),
        }
    }
}

impl Shards {
    /// Returns an HTTP service for supervisors that restart a broken process, as [`LeaderHandle::liveness`] does.
    #[must_use]
    pub fn liveness(&self) -> Liveness {
        Liveness {
            task: self.shared().clone(),
        }
    }
}

impl Report {
    fn new(task: &dyn Task) -> Self {
        let since = task.since_progress();
        let stopped = task.stopped();
        let status = if stopped.is_some() {
            Condition::Stopped
        } else if since >= task.lease() * PATIENCE {
            Condition::Stalled
        } else {
            Condition::Alive
        };
        Self {
            status,
            reason: stopped.map(|stopped| stopped.reason().as_str()),
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
        let report = Report::new(&*self.task);
        let alive = report.status == Condition::Alive;
        ready(Ok(answer(request.method(), alive, &report)))
    }
}
