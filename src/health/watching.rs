use std::{future::pending, sync::Arc, time::Duration};

use futures_core::Stream;
use futures_util::stream;
use tonic::Status as GrpcStatus;
use tonic_health::pb::{HealthCheckResponse, health_check_response::ServingStatus};

use super::serving::{response, serving};
use crate::{lease::Status, sync::watch, task::Shared};

/// The election has stopped.
struct Ended;

/// One client's watch of the health service.
#[derive(Debug)]
pub(super) struct Watching {
    shared: Arc<Shared>,
    changes: watch::Receiver<Status>,
    /// Whether the client watches a known service.
    known: bool,
    sent: Option<ServingStatus>,
}

impl Watching {
    pub(super) fn new(shared: Arc<Shared>, known: bool) -> Self {
        Self {
            changes: shared.watch(),
            shared,
            known,
            sent: None,
        }
    }

    pub(super) fn into_stream(
        self,
    ) -> impl Stream<Item = Result<HealthCheckResponse, GrpcStatus>> + Send {
        stream::unfold(self, |mut watching| async move {
            let status = watching.next().await?;
            Some((Ok(response(status)), watching))
        })
    }

    /// Waits for the next status that differs from the last one. None once the election has stopped.
    async fn next(&mut self) -> Option<ServingStatus> {
        loop {
            let stopped = *self.changes.borrow_and_update() == Status::Stopped;
            let held = self.shared.view().held;
            let left = held.filter(|held| held.is_open).map(|held| held.left);
            let status = self.status(left.is_some());
            if self.sent.replace(status) != Some(status) {
                return Some(status);
            }
            if stopped {
                return None;
            }
            self.change(left).await.ok()?;
        }
    }

    fn status(&self, leads: bool) -> ServingStatus {
        match self.known {
            true => serving(leads),
            false => ServingStatus::ServiceUnknown,
        }
    }

    /// Waits until the status may have changed: the task has published one, or the lease has expired under a stuck
    /// task.
    async fn change(&mut self, left: Option<Duration>) -> Result<(), Ended> {
        let clock = self.shared.clock();
        let run_out = async {
            match left {
                Some(left) => clock.sleep(left).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            changed = self.changes.changed() => changed.map_err(|_| Ended),
            () = run_out => Ok(()),
        }
    }
}
