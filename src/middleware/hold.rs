use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::HeaderMap;

use super::http::grpc_timeout::Deadline;
use crate::{
    clock::{Clock, Moment},
    lease::Status,
    sync::watch,
    task::{Admission, LeaderHandle, NotLeader, Reason},
};

/// Holds one request until it is decided who serves it, for as long as `wait_up_to` allows.
pub struct Hold {
    handle: LeaderHandle,
    min_remaining: Duration,
    status: watch::Receiver<Status>,
    timeout: Timeout,
    /// When the client stops waiting, if it says so.
    deadline: Option<Deadline>,
    /// Whether another node holds the request as well, which it has forwarded.
    is_forwarded: bool,
    /// Whether the request is sent to the next leader.
    needs_leader: bool,
}

/// Resolves once the time is over, and stays so.
struct Timeout {
    until: Moment,
    sleep: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_over: bool,
}

impl Hold {
    pub(super) fn new(
        handle: LeaderHandle,
        min_remaining: Duration,
        at_most: Duration,
        is_forwarded: bool,
    ) -> Self {
        Self {
            timeout: Timeout::new(handle.clock(), at_most),
            status: handle.watch(),
            handle,
            min_remaining,
            deadline: None,
            is_forwarded,
            needs_leader: false,
        }
    }

    /// Has a shutdown wait for the next leader, to whom the request is sent.
    pub(super) fn for_the_leader(mut self) -> Self {
        self.needs_leader = true;
        self
    }

    /// Ends the hold at the client's deadline at the latest.
    pub(super) fn with_deadline(mut self, deadline: Option<Deadline>) -> Self {
        self.deadline = deadline;
        if let Some(deadline) = deadline.filter(|deadline| deadline.at() < self.timeout.until) {
            let clock = self.handle.clock();
            let left = deadline.at().saturating_since(clock.now());
            self.timeout = Timeout::new(clock, left);
        }
        self
    }

    /// Whether the client's deadline has passed.
    pub(super) fn is_late(&self) -> bool {
        let now = self.handle.clock().now();
        self.deadline.is_some_and(|deadline| deadline.at() <= now)
    }

    /// Takes the time that the request was held off the timeout in its headers.
    pub(super) fn shorten_timeout(&self, headers: &mut HeaderMap) {
        if let Some(deadline) = self.deadline {
            deadline.shorten(headers, self.handle.clock().now());
        }
    }

    pub(super) fn admit(&self) -> Result<Admission, NotLeader> {
        self.handle.admit_for(self.min_remaining)
    }

    pub(super) fn not_leader(&self) -> NotLeader {
        self.handle.not_leader()
    }

    /// The rest of the time.
    pub(super) fn left(&self) -> Duration {
        let now = self.handle.clock().now();
        self.timeout.until.saturating_since(now)
    }

    /// Waits until the time is over. Cancel safe.
    pub(super) async fn over(&mut self) {
        (&mut self.timeout).await;
    }

    /// Waits for a change of the status since the last decision, at most for `pause`. Returns false if the time is over.
    /// Cancel safe.
    pub(super) async fn pause(&mut self, pause: Duration) -> bool {
        let pause = self.handle.clock().sleep(pause);
        tokio::select! {
            biased;
            () = &mut self.timeout => false,
            // After the end of the election, there are no more changes.
            Ok(()) = self.status.changed() => true,
            () = pause => true,
        }
    }

    /// Waits until the request is admitted, or until waiting any longer does not help. Cancel safe.
    pub(super) async fn decided(&mut self) -> Result<Admission, NotLeader> {
        let _held = self.needs_leader.then(|| self.handle.hold());
        loop {
            // Before the check of the gate, so that no later change is missed.
            self.status.mark_unchanged();
            let renewed = self.handle.renewed();
            match self.admit() {
                Err(not_leader) if self.may_change(not_leader.reason()) => {}
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

    /// Whether waiting may help, because an election is in progress.
    fn may_change(&self, reason: Reason) -> bool {
        match reason {
            Reason::Warming => true,
            // The node that has forwarded the request may know more of the election.
            Reason::NoLeader | Reason::Draining => !self.is_forwarded,
            Reason::NotLeader | Reason::Stopped => false,
        }
    }
}

impl Timeout {
    fn new(clock: &Clock, at_most: Duration) -> Self {
        Self {
            until: clock.now() + at_most,
            sleep: Box::pin(clock.sleep(at_most)),
            is_over: false,
        }
    }
}

impl Future for Timeout {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_over {
            ready!(self.sleep.as_mut().poll(cx));
            self.is_over = true;
        }
        Poll::Ready(())
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold")
            .field("handle", &self.handle)
            .field("is_over", &self.timeout.is_over)
            .finish_non_exhaustive()
    }
}
