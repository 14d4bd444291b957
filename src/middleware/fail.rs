use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    elections::{Elections, Node, Pick, Sharded},
    gate::{Gate, Ready},
    hold::Hold,
    matcher::{EveryRequest, Matcher, NotReady, When, WritesOnly},
    ready::Readiness,
};
use crate::task::{Admission, LeaderHandle, NotLeader, Reason};

/// A [`Layer`] that fails requests with [`NotLeader`] while this node does not lead, for a service of any kind.
///
/// Created by [`LeaderOnlyLayer::fail`](super::LeaderOnlyLayer::fail), whose matcher, `min_remaining` and `wait_up_to` it
/// keeps. The service has to be `Clone` and `Send`. Requests and responses may be of any type, so it does nothing specific
/// to HTTP:
///
/// - An admitted request carries no [`Term`](crate::Term). A handler can get the term from the
///   [`LeaderHandle`](crate::LeaderHandle).
/// - The admission ends when the response future resolves. The lease may be released while the response body is still
///   being sent.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct FailLayer<M = EveryRequest, E = LeaderHandle> {
    gate: Gate<M, E>,
}

impl<M, E> FailLayer<M, E> {
    pub(super) fn new(gate: Gate<M, E>) -> Self {
        Self { gate }
    }
}

impl<M, E: Node> FailLayer<M, E> {
    /// As [`LeaderOnlyLayer::min_remaining`](super::LeaderOnlyLayer::min_remaining).
    pub fn min_remaining(mut self, min_remaining: Duration) -> Self {
        self.gate.set_min_remaining(min_remaining);
        self
    }

    /// As [`LeaderOnlyLayer::wait_up_to`](super::LeaderOnlyLayer::wait_up_to).
    pub fn wait_up_to(mut self, at_most: Duration) -> Self {
        self.gate.set_wait_up_to(at_most);
        self
    }
}

impl<E> FailLayer<EveryRequest, E> {
    /// As [`LeaderOnlyLayer::writes_only`](super::LeaderOnlyLayer::writes_only), for HTTP requests.
    pub fn writes_only(self) -> FailLayer<WritesOnly, E> {
        FailLayer::new(self.gate.writes_only())
    }

    /// As [`LeaderOnlyLayer::when`](super::LeaderOnlyLayer::when).
    pub fn when<F, Req>(self, gated: F) -> FailLayer<When<F>, E>
    where
        F: Fn(&Req) -> bool,
    {
        FailLayer::new(self.gate.when(gated))
    }
}

impl FailLayer {
    /// As [`LeaderOnlyLayer::not_ready`](super::LeaderOnlyLayer::not_ready).
    pub fn not_ready(self) -> FailLayer<NotReady> {
        FailLayer::new(self.gate.not_ready())
    }
}

impl<E> FailLayer<WritesOnly, E> {
    /// As [`LeaderOnlyLayer::upgrades_pass`](super::LeaderOnlyLayer::upgrades_pass).
    pub fn upgrades_pass(mut self) -> Self {
        self.gate.set_upgrades_pass();
        self
    }
}

impl<M, S, F> FailLayer<M, Sharded<S, F>> {
    /// As [`LeaderOnlyLayer::keyless_pass`](super::LeaderOnlyLayer::keyless_pass).
    pub fn keyless_pass(mut self) -> Self {
        self.gate.set_keyless_pass();
        self
    }
}

impl<S, M: Clone, E: Clone> Layer<S> for FailLayer<M, E> {
    type Service = Fail<S, M, E>;

    fn layer(&self, inner: S) -> Fail<S, M, E> {
        Fail {
            inner,
            gate: self.gate.clone(),
        }
    }
}

/// A service that fails gated requests with [`NotLeader`] while this node does not lead. Created by [`FailLayer`].
///
/// Clones share the election. A clone has to be polled until it is ready before it is called, even if the original was.
#[derive(Clone, Debug)]
pub struct Fail<S, M = EveryRequest, E = LeaderHandle> {
    inner: S,
    gate: Gate<M, E>,
}

impl<S, M, E, Req> Service<Req> for Fail<S, M, E>
where
    S: Service<Req> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: From<NotLeader>,
    M: Matcher<Req> + Readiness<E>,
    E: Elections<Req>,
    Req: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = FailFuture<S::Future, S::Response, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let inner = &mut self.inner;
        match ready!(self.gate.poll_ready(cx, |cx| inner.poll_ready(cx)))? {
            Ready::Yes => Poll::Ready(Ok(())),
            Ready::Stopped(not_leader) => Poll::Ready(Err(not_leader.into())),
        }
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        let (not_leader, hold) = match self.gate.pick(&request) {
            Pick::Pass | Pick::Keyless { passes: true } => {
                return FailFuture::inner(self.inner.call(request), None);
            }
            Pick::Election(picked) => match self.gate.admit(&picked) {
                Ok(admission) => {
                    return FailFuture::inner(self.inner.call(request), Some(admission));
                }
                Err(not_leader) => (not_leader, self.gate.hold(&picked)),
            },
            Pick::Keyless { passes: false } => (NotLeader::unassigned(Reason::NoKey), None),
        };
        // The service that is ready is called, or dropped with the permit that it may hold. The clone is not ready.
        let clone = self.inner.clone();
        let inner = mem::replace(&mut self.inner, clone);
        match hold {
            Some(hold) => FailFuture::held(held(inner, request, hold)),
            None => FailFuture::failed(not_leader),
        }
    }
}

async fn held<S, Req>(mut inner: S, request: Req, mut hold: Hold) -> Result<S::Response, S::Error>
where
    S: Service<Req>,
    S::Error: From<NotLeader>,
{
    let admission = hold.decided().await?;
    FailFuture::inner(inner.call(request), Some(admission)).await
}

pin_project! {
    /// The response future of [`Fail`], around the future `F` of the inner service.
    ///
    /// It holds the admission of the request. Dropping it gives the request up, which may have been executed in part.
    #[must_use = "futures do nothing unless polled"]
    pub struct FailFuture<F, T, E> {
        #[pin]
        state: State<F, T, E>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, T, E> {
        Inner {
            #[pin]
            future: F,
            // Declared, and so dropped, after the future: until then the request is in progress.
            admission: Option<Admission>,
        },
        Held {
            future: Pin<Box<dyn Future<Output = Result<T, E>> + Send>>,
        },
        Failed {
            not_leader: Option<NotLeader>,
        },
    }
}

impl<F, T, E> FailFuture<F, T, E> {
    #[inline]
    fn inner(future: F, admission: Option<Admission>) -> Self {
        Self {
            state: State::Inner { future, admission },
        }
    }

    fn held(future: impl Future<Output = Result<T, E>> + Send + 'static) -> Self {
        Self {
            state: State::Held {
                future: Box::pin(future),
            },
        }
    }

    fn failed(not_leader: NotLeader) -> Self {
        Self {
            state: State::Failed {
                not_leader: Some(not_leader),
            },
        }
    }
}

impl<F, T, E> fmt::Debug for FailFuture<F, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_admitted = matches!(self.state, State::Inner { .. });
        f.debug_struct("FailFuture")
            .field("is_admitted", &is_admitted)
            .finish_non_exhaustive()
    }
}

impl<F, T, E> Future for FailFuture<F, T, E>
where
    F: Future<Output = Result<T, E>>,
    E: From<NotLeader>,
{
    type Output = Result<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Inner { future, admission } => {
                let response = ready!(future.poll(cx));
                *admission = None;
                Poll::Ready(response)
            }
            StateProj::Held { future } => future.as_mut().poll(cx),
            StateProj::Failed { not_leader } => match not_leader.take() {
                Some(not_leader) => Poll::Ready(Err(not_leader.into())),
                None => panic!("`FailFuture` polled after completion"),
            },
        }
    }
}
