use std::{
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    actions::{FollowerAction, Reject},
    admitted::admitted,
    elections::{Elections, Pick, Picked},
    gate::{Gate, Ready},
    http::grpc_timeout::Deadline,
    matcher::{EveryRequest, Matcher},
    ready::Readiness,
    refusal::{Refusal, Refused},
    response::{ResponseBody, ResponseFuture},
    settings::Settings,
};
use crate::{
    error::BoxError,
    task::{LeaderHandle, NotLeader},
};

/// A service that receives gated HTTP requests only while this node leads. Created by
/// [`LeaderOnlyLayer`](super::LeaderOnlyLayer).
///
/// Clones share the election. A clone has to be polled until it is ready before it is called, even if the original was.
#[derive(Clone, Debug)]
pub struct LeaderOnly<S, A = Reject, M = EveryRequest, E = LeaderHandle> {
    inner: S,
    gate: Gate<M, E>,
    action: A,
    // Shared, because routers clone a service for each request.
    settings: Arc<Settings>,
}

impl<S, A, M, E> LeaderOnly<S, A, M, E> {
    pub(super) fn new(inner: S, gate: Gate<M, E>, action: A, settings: Settings) -> Self {
        Self {
            inner,
            gate,
            action,
            settings: Arc::new(settings),
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

impl<S, A, M, E, B, R> Service<Request<B>> for LeaderOnly<S, A, M, E>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    A: FollowerAction<B>,
    M: Matcher<Request<B>> + Readiness<E>,
    E: Elections<Request<B>>,
    B: Body<Error: Into<BoxError>> + Send + 'static,
    R: Body + Send + 'static,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R, S::Error>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let inner = &mut self.inner;
        let ready = self.gate.poll_ready(cx, |cx| inner.poll_ready(cx));
        // A stopped gate rejects the next request with a response.
        ready.map_ok(|_: Ready| ())
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        let refusal = match self.gate.pick(&request) {
            Pick::Pass => return ResponseFuture::passed(self.inner.call(request)),
            Pick::Election(picked) => match self.settings.check(&request, picked.which()) {
                Ok(()) => match self.gate.admit(&picked) {
                    Ok(admission) => {
                        let (which, settings) = (picked.which(), &self.settings);
                        return admitted(&mut self.inner, request, admission, which, settings);
                    }
                    Err(not_leader) => self.refusal(&request, not_leader, Some(&picked)),
                },
                Err(disputed) => self.refusal(&request, disputed, None),
            },
            Pick::Keyless { passes } => match self.settings.check_keyless(&request, passes) {
                Ok(()) => return ResponseFuture::passed(self.inner.call(request)),
                Err(not_leader) => self.refusal(&request, not_leader, None),
            },
        };
        self.refuse(request, refusal)
    }
}

impl<S, A: Clone, M, E> LeaderOnly<S, A, M, E> {
    /// Refuses a request. It is held if an election decides about it and requests are held.
    #[cold]
    fn refusal<B>(
        &self,
        request: &Request<B>,
        not_leader: NotLeader,
        picked: Option<&Picked<E::Election<'_>, E::Which>>,
    ) -> Refusal<A>
    where
        E: Elections<Request<B>>,
    {
        let forwarded = self.settings.target.marking().find(request.headers());
        let hold = picked.and_then(|picked| match &forwarded {
            Some(forwarded) => self.gate.hold_forwarded(picked, forwarded.holds_for),
            None => self.gate.hold(picked),
        });
        let hold = hold.map(|hold| {
            let now = self.gate.clock().now();
            hold.with_deadline(Deadline::of(request, now))
        });
        Refusal {
            not_leader,
            hold,
            refused: Refused {
                action: self.action.clone(),
                settings: self.settings.clone(),
                forwarded,
            },
        }
    }
}

impl<S: Clone, A, M, E> LeaderOnly<S, A, M, E> {
    #[cold]
    fn refuse<B, R>(
        &mut self,
        request: Request<B>,
        refusal: Refusal<A>,
    ) -> ResponseFuture<S::Future, R, S::Error>
    where
        S: Service<Request<B>, Response = Response<R>> + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Send + 'static,
        A: FollowerAction<B>,
        B: Body<Error: Into<BoxError>> + Send + 'static,
        R: Body + Send + 'static,
    {
        // The service that is ready is held with the request, or dropped with the permit that it may hold. The clone in
        // its place is not ready.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        let Refusal {
            not_leader,
            hold,
            refused,
        } = refusal;
        match hold {
            Some(hold) => {
                let hold = match A::NEEDS_LEADER {
                    true => hold.for_the_leader(),
                    false => hold,
                };
                ResponseFuture::boxed(refused.hold(request, hold, ready))
            }
            None => {
                ResponseFuture::boxed(async move { Ok(refused.respond(request, not_leader).await) })
            }
        }
    }
}
