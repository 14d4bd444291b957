use std::{
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

use http::HeaderMap;

use super::{
    elections::{Changed, HeldPick},
    http::grpc_timeout::Deadline,
};
use crate::{
    clock::{Clock, Moment},
    names::ShardId,
    task::{Admission, NotLeader, Reason},
};

/// Holds one request until it is decided who serves it, for as long as `wait_up_to` allows.
pub struct Hold {
    picked: HeldPick,
    clock: Clock,
    min_remaining: Duration,
    /// Resolves at the first change since the last decision.
    changed: Option<Changed>,
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
        picked: HeldPick,
        clock: Clock,
        min_remaining: Duration,
        at_most: Duration,
        is_forwarded: bool,
    ) -> Self {
        Self {
            timeout: Timeout::new(&clock, at_most),
            picked,
            clock,
            min_remaining,
            changed: None,
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
            let left = deadline.at().saturating_since(self.clock.now());
            self.timeout = Timeout::new(&self.clock, left);
        }
        self
    }

    /// Whether the client's deadline has passed.
    pub(super) fn is_late(&self) -> bool {
        let now = self.clock.now();
        self.deadline.is_some_and(|deadline| deadline.at() <= now)
    }

    /// Takes the time that the request was held off the timeout in its headers.
    pub(super) fn shorten_timeout(&self, headers: &mut HeaderMap) {
        if let Some(deadline) = self.deadline {
            deadline.shorten(headers, self.clock.now());
        }
    }

    pub(super) fn admit(&self) -> Result<Admission, NotLeader> {
        self.picked.admit_for(self.min_remaining)
    }

    pub(super) fn not_leader(&self) -> NotLeader {
        self.picked.not_leader()
    }

    /// The shard of the request, if its gate has many.
    pub(super) fn shard(&self) -> Option<ShardId> {
        self.picked.which()
    }

    /// The rest of the time.
    pub(super) fn left(&self) -> Duration {
        let now = self.clock.now();
        self.timeout.until.saturating_since(now)
    }

    /// Waits until the time is over. Cancel safe.
    pub(super) async fn over(&mut self) {
        (&mut self.timeout).await;
    }

    /// Waits for a change of the election since the last decision, at most for `pause`. Returns false if the time is
    /// over. Cancel safe.
    pub(super) async fn pause(&mut self, pause: Duration) -> bool {
        let clock = self.clock.clone();
        let mut pause = pin!(clock.sleep(pause));
        poll_fn(|cx| {
            if Pin::new(&mut self.timeout).poll(cx).is_ready() {
                return Poll::Ready(false);
            }
            // After the end of the election, there are no more changes.
            if let Poll::Ready(true) = self.poll_changed(cx) {
                return Poll::Ready(true);
            }
            pause.as_mut().poll(cx).map(|()| true)
        })
        .await
    }

    /// Waits until the request is admitted, or until waiting any longer does not help. Cancel safe.
    pub(super) async fn decided(&mut self) -> Result<Admission, NotLeader> {
        let _held = self.needs_leader.then(|| self.picked.hold());
        poll_fn(|cx| self.poll_decided(cx)).await
    }

    fn poll_decided(&mut self, cx: &mut Context<'_>) -> Poll<Result<Admission, NotLeader>> {
        loop {
            // Before the check of the gate, so that no later change is missed.
            let changed = self.poll_changed(cx);
            match self.admit() {
                Err(not_leader) if self.may_change(not_leader.reason()) => {}
                decided => return Poll::Ready(decided),
            }
            match changed {
                Poll::Ready(true) => {}
                Poll::Ready(false) => return Poll::Ready(self.admit()),
                Poll::Pending => {
                    ready!(Pin::new(&mut self.timeout).poll(cx));
                    return Poll::Ready(self.admit());
                }
            }
        }
    }

    /// Waits for the next change, or returns false if there will be none.
    fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let picked = &self.picked;
        let changed = self.changed.get_or_insert_with(|| picked.changed());
        let may_change_again = ready!(changed.as_mut().poll(cx));
        self.changed = None;
        Poll::Ready(may_change_again)
    }

    /// Whether waiting may help, because an election is in progress.
    fn may_change(&self, reason: Reason) -> bool {
        match reason {
            Reason::Warming => true,
            // The node that has forwarded the request may know more of the election.
            Reason::NoLeader | Reason::Draining => !self.is_forwarded,
            Reason::NotLeader | Reason::Stopped | Reason::NoKey | Reason::OtherShard => false,
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
            .field("picked", &self.picked)
            .field("is_over", &self.timeout.is_over)
            .finish_non_exhaustive()
    }
}
