use std::{fmt, future::Future, pin::Pin, time::Duration};

use crate::{
    lease::Status,
    sync::watch,
    task::{Admission, LeaderHandle, NotLeader, Reason},
};

/// Holds one request until it is decided who serves it, for as long as `wait_up_to` allows.
pub struct Hold {
    handle: LeaderHandle,
    min_remaining: Duration,
    status: watch::Receiver<Status>,
    timeout: Pin<Box<dyn Future<Output = ()> + Send + Sync>>,
}

impl Hold {
    pub(super) fn new(handle: LeaderHandle, min_remaining: Duration, at_most: Duration) -> Self {
        let timeout = Box::pin(handle.clock().sleep(at_most));
        Self {
            status: handle.watch(),
            handle,
            min_remaining,
            timeout,
        }
    }

    fn admit(&self) -> Result<Admission, NotLeader> {
        self.handle.admit_for(self.min_remaining)
    }

    /// Waits for a change of the status since the last decision, at most for `pause`. Returns false if the time of the hold is over.
    pub(super) async fn pause(&mut self, pause: Duration) -> bool {
        let pause = self.handle.clock().sleep(pause);
        tokio::select! {
            biased;
            () = &mut self.timeout => false,
            _ = self.status.changed() => true,
            () = pause => true,
        }
    }

    /// Waits until the request is admitted, or until waiting any longer does not help. Cancel safe.
    pub(super) async fn decided(&mut self) -> Result<Admission, NotLeader> {
        loop {
            // Before the check of the gate, so that no later change is missed.
            self.status.mark_unchanged();
            let renewed = self.handle.renewed();
            match self.admit() {
                Err(not_leader) if may_change(not_leader.reason()) => {}
                decided => return decided,
            }
            tokio::select! {
                biased;
                // An error means that the election has stopped.
                changed = self.status.changed() => {
                    if changed.is_err() {
                        return self.admit();
                    }
                }
                () = renewed => {}
                () = &mut self.timeout => return self.admit(),
            }
        }
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold")
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}

/// Whether waiting may help, because an election is in progress.
fn may_change(reason: Reason) -> bool {
    match reason {
        Reason::NoLeader | Reason::Warming | Reason::Draining => true,
        Reason::NotLeader | Reason::Stopped => false,
    }
}
