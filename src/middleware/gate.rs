use std::{
    task::{Context, Poll, ready},
    time::Duration,
};

use super::{
    hold::Hold,
    matcher::{EveryRequest, Matcher, NotReady, When, WritesOnly},
    ready::Readiness,
};
use crate::task::{Admission, LeaderHandle, NotLeader};

/// The gate of one service: an election, and what the service asks of it.
#[derive(Clone, Debug)]
pub(super) struct Gate<M> {
    handle: LeaderHandle,
    matcher: M,
    min_remaining: Duration,
    /// How long a request is held, if at all.
    wait_up_to: Option<Duration>,
}

impl Gate<EveryRequest> {
    pub(super) fn new(handle: LeaderHandle) -> Self {
        Self {
            handle,
            matcher: EveryRequest,
            min_remaining: Duration::ZERO,
            wait_up_to: None,
        }
    }

    pub(super) fn writes_only(self) -> Gate<WritesOnly> {
        self.matching(WritesOnly::default())
    }

    pub(super) fn when<F>(self, gated: F) -> Gate<When<F>> {
        self.matching(When(gated))
    }

    pub(super) fn not_ready(self) -> Gate<NotReady> {
        self.matching(NotReady::default())
    }

    fn matching<M>(self, matcher: M) -> Gate<M> {
        Gate {
            handle: self.handle,
            matcher,
            min_remaining: self.min_remaining,
            wait_up_to: self.wait_up_to,
        }
    }
}

impl Gate<WritesOnly> {
    pub(super) fn set_upgrades_pass(&mut self) {
        self.matcher.upgrades_pass = true;
    }
}

impl<M> Gate<M> {
    pub(super) fn set_min_remaining(&mut self, min_remaining: Duration) {
        let always_left = self.handle.always_left();
        if min_remaining > always_left {
            tracing::warn!(
                ?min_remaining,
                ?always_left,
                "`min_remaining` is more than is left of the lease just before a renewal; \
                 a healthy leader will reject requests",
            );
        }
        self.min_remaining = min_remaining;
    }

    pub(super) fn set_wait_up_to(&mut self, at_most: Duration) {
        self.wait_up_to = Some(at_most);
    }

    pub(super) fn handle(&self) -> &LeaderHandle {
        &self.handle
    }

    #[inline]
    pub(super) fn gates<Req>(&self, request: &Req) -> bool
    where
        M: Matcher<Req>,
    {
        self.matcher.gates(request)
    }

    #[inline]
    pub(super) fn admit(&self) -> Result<Admission, NotLeader> {
        self.handle.admit_for(self.min_remaining)
    }

    /// Holds a request that was not admitted, if requests are held.
    pub(super) fn hold(&self) -> Option<Hold> {
        Some(self.hold_for(self.wait_up_to?, false))
    }

    /// As [`hold`](Self::hold), for a request that another node has forwarded and holds for `at_most`.
    pub(super) fn hold_forwarded(&self, at_most: Duration) -> Option<Hold> {
        let at_most = self.wait_up_to?.min(at_most);
        Some(self.hold_for(at_most, true))
    }

    fn hold_for(&self, at_most: Duration, is_forwarded: bool) -> Hold {
        let handle = self.handle.clone();
        Hold::new(handle, self.min_remaining, at_most, is_forwarded)
    }
}

/// Whether the inner service is ready.
pub(super) enum Ready {
    Yes,
    /// Not asked: the gate will admit no further request.
    Stopped,
}

impl<M: Readiness> Gate<M> {
    /// Polls the gate, and then the inner service with `poll_inner`.
    #[inline]
    pub(super) fn poll_ready<E>(
        &mut self,
        cx: &mut Context<'_>,
        mut poll_inner: impl FnMut(&mut Context<'_>) -> Poll<Result<(), E>>,
    ) -> Poll<Result<Ready, E>> {
        loop {
            // The gate first, so that a follower holds no permit of the inner service.
            if !ready!(self.matcher.poll_open(&self.handle, cx)) {
                return Poll::Ready(Ok(Ready::Stopped));
            }
            match poll_inner(cx) {
                Poll::Ready(ready) => return Poll::Ready(ready.map(|()| Ready::Yes)),
                // The gate may close before the inner service is ready.
                Poll::Pending => ready!(self.matcher.poll_change(&self.handle, cx)),
            }
        }
    }
}
