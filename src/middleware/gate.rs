use std::{
    task::{Context, Poll, ready},
    time::Duration,
};

use super::{
    elections::{Election, Elections, Node, Pick, Picked, Sharded, Which},
    hold::Hold,
    matcher::{EveryRequest, Matcher, NotReady, When, WritesOnly},
    ready::Readiness,
};
use crate::{
    clock::Clock,
    task::{Admission, LeaderHandle, NotLeader},
};

/// The gate of one service: the elections `E`, of which one decides about each request, and what the service asks of
/// it.
#[derive(Clone, Debug)]
pub(super) struct Gate<M, E = LeaderHandle> {
    elections: E,
    matcher: M,
    min_remaining: Duration,
    /// How long a request is held, if at all.
    wait_up_to: Option<Duration>,
}

impl<E> Gate<EveryRequest, E> {
    pub(super) fn new(elections: E) -> Self {
        Self {
            elections,
            matcher: EveryRequest,
            min_remaining: Duration::ZERO,
            wait_up_to: None,
        }
    }

    pub(super) fn writes_only(self) -> Gate<WritesOnly, E> {
        self.matching(WritesOnly::default())
    }

    pub(super) fn when<F>(self, gated: F) -> Gate<When<F>, E> {
        self.matching(When(gated))
    }

    fn matching<M>(self, matcher: M) -> Gate<M, E> {
        Gate {
            elections: self.elections,
            matcher,
            min_remaining: self.min_remaining,
            wait_up_to: self.wait_up_to,
        }
    }
}

impl Gate<EveryRequest> {
    pub(super) fn not_ready(self) -> Gate<NotReady> {
        self.matching(NotReady::default())
    }
}

impl<E> Gate<WritesOnly, E> {
    pub(super) fn set_upgrades_pass(&mut self) {
        self.matcher.upgrades_pass = true;
    }
}

impl<M, S, F> Gate<M, Sharded<S, F>> {
    pub(super) fn set_keyless_pass(&mut self) {
        self.elections.set_keyless_pass();
    }
}

impl<M, E: Node> Gate<M, E> {
    pub(super) fn set_min_remaining(&mut self, min_remaining: Duration) {
        let always_left = self.elections.always_left();
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

    pub(super) fn elections(&self) -> &E {
        &self.elections
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.elections.runtime().clock
    }

    /// What decides about a request.
    #[inline]
    pub(super) fn pick<Req>(&self, request: &Req) -> Pick<E::Election<'_>, E::Which>
    where
        M: Matcher<Req>,
        E: Elections<Req>,
    {
        match self.matcher.gates(request) {
            true => self.elections.pick(request),
            false => Pick::Pass,
        }
    }

    #[inline]
    pub(super) fn admit(
        &self,
        picked: &Picked<impl Election, impl Which>,
    ) -> Result<Admission, NotLeader> {
        picked.admit_for(self.min_remaining)
    }

    /// Holds a request that was not admitted, if requests are held.
    pub(super) fn hold(&self, picked: &Picked<impl Election, impl Which>) -> Option<Hold> {
        Some(self.hold_for(picked, self.wait_up_to?, false))
    }

    /// As [`hold`](Self::hold), for a request that another node has forwarded and holds for `at_most`.
    pub(super) fn hold_forwarded(
        &self,
        picked: &Picked<impl Election, impl Which>,
        at_most: Duration,
    ) -> Option<Hold> {
        let at_most = self.wait_up_to?.min(at_most);
        Some(self.hold_for(picked, at_most, true))
    }

    fn hold_for(
        &self,
        picked: &Picked<impl Election, impl Which>,
        at_most: Duration,
        is_forwarded: bool,
    ) -> Hold {
        let clock = self.clock().clone();
        Hold::new(
            picked.boxed(),
            clock,
            self.min_remaining,
            at_most,
            is_forwarded,
        )
    }
}

/// Whether the inner service is ready.
pub(super) enum Ready {
    Yes,
    /// Not asked: the gate will admit no further request.
    Stopped(NotLeader),
}

impl<M: Readiness<E>, E> Gate<M, E> {
    /// Polls the gate, and then the inner service with `poll_inner`.
    #[inline]
    pub(super) fn poll_ready<Error>(
        &mut self,
        cx: &mut Context<'_>,
        mut poll_inner: impl FnMut(&mut Context<'_>) -> Poll<Result<(), Error>>,
    ) -> Poll<Result<Ready, Error>> {
        loop {
            // The gate first, so that a follower holds no permit of the inner service.
            if let Err(stopped) = ready!(self.matcher.poll_open(&self.elections, cx)) {
                return Poll::Ready(Ok(Ready::Stopped(stopped)));
            }
            match poll_inner(cx) {
                Poll::Ready(ready) => return Poll::Ready(ready.map(|()| Ready::Yes)),
                // The gate may close before the inner service is ready.
                Poll::Pending => ready!(self.matcher.poll_change(&self.elections, cx)),
            }
        }
    }
}
