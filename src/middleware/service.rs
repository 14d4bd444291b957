use std::task::{Context, Poll};

use tower_service::Service;

use super::{
    action::FollowerAction,
    entrance::Entrance,
    matcher::{EveryRequest, Matcher},
    reject::Reject,
    wait::Gate,
};

/// A service that receives gated requests only while this node leads. Created by
/// [`LeaderOnlyLayer`](super::LeaderOnlyLayer).
///
/// Clones share the election. A clone has to be polled until it is ready before it is called, even if the original was.
#[derive(Clone, Debug)]
pub struct LeaderOnly<S, A = Reject, M = EveryRequest> {
    inner: S,
    entrance: Entrance,
    action: A,
    matcher: M,
}

impl<S, A, M> LeaderOnly<S, A, M> {
    pub(super) fn new(inner: S, entrance: Entrance, action: A, matcher: M) -> Self {
        Self {
            inner,
            entrance,
            action,
            matcher,
        }
    }

    /// Returns a reference to the inner service.
    #[must_use]
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// Returns a mutable reference to the inner service. The gate does not check calls through it.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Returns the inner service, without the gate.
    #[must_use]
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, A, M, Req> Service<Req> for LeaderOnly<S, A, M>
where
    S: Service<Req>,
    A: FollowerAction<S, Req>,
    M: Matcher<Req>,
{
    type Response = A::Response;
    type Error = S::Error;
    type Future = A::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let handle = self.entrance.handle();
        loop {
            // The gate first, so that a follower holds no permit of the inner service.
            match self.matcher.poll_gate(handle, cx) {
                Poll::Ready(Gate::Open) => {}
                // The gate will admit no further request, so the inner service need not be ready.
                Poll::Ready(Gate::Stopped) => return Poll::Ready(self.action.stopped(handle)),
                Poll::Pending => return Poll::Pending,
            }
            match self.inner.poll_ready(cx) {
                Poll::Ready(ready) => return Poll::Ready(ready),
                // The gate may close before the inner service is ready.
                Poll::Pending => std::task::ready!(self.matcher.poll_change(handle, cx)),
            }
        }
    }

    #[inline]
    fn call(&mut self, request: Req) -> A::Future {
        if !self.matcher.gates(&request) {
            return self.action.pass(&mut self.inner, request);
        }
        match self.entrance.admit() {
            Ok(admission) => self.action.admit(&mut self.inner, request, admission),
            Err(not_leader) => {
                self.action
                    .hold(&self.entrance, &mut self.inner, request, not_leader)
            }
        }
    }
}
