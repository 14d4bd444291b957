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
    refused::Refused,
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
    front: Front<A, M, E>,
}

/// What stands in front of the service.
#[derive(Clone, Debug)]
struct Front<A, M, E> {
    gate: Gate<M, E>,
    action: A,
    // Shared, because routers clone a service for each request.
    settings: Arc<Settings>,
}

impl<S, A, M, E> LeaderOnly<S, A, M, E> {
    pub(super) fn new(inner: S, gate: Gate<M, E>, action: A, settings: Settings) -> Self {
        let front = Front {
            gate,
            action,
            settings: Arc::new(settings),
        };
        Self { inner, front }
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
        let ready = self.front.gate.poll_ready(cx, |cx| inner.poll_ready(cx));
        // A stopped gate rejects the next request with a response.
        ready.map_ok(|_: Ready| ())
    }

    #[inline]
    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Self { inner, front } = self;
        let picked = match front.gate.pick(&request) {
            Pick::Election(picked) => picked,
            Pick::Pass => return ResponseFuture::passed(inner.call(request)),
            Pick::Keyless { passes } => return front.keyless(inner, request, passes),
        };
        let which = picked.which();
        if let Err(disputed) = front.settings.check(&request, which) {
            return front.refuse(inner, request, disputed, None);
        }
        match front.gate.admit(&picked) {
            Ok(admission) => admitted(inner, request, admission, which, &front.settings),
            Err(not_leader) => front.refuse(inner, request, not_leader, Some(picked)),
        }
    }
}

impl<A, M, E> Front<A, M, E> {
    #[cold]
    fn keyless<S, B, R>(
        &self,
        inner: &mut S,
        request: Request<B>,
        passes: bool,
    ) -> ResponseFuture<S::Future, R, S::Error>
    where
        S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Send + 'static,
        A: FollowerAction<B>,
        E: Elections<Request<B>>,
        B: Body<Error: Into<BoxError>> + Send + 'static,
        R: Body + Send + 'static,
    {
        match self.settings.check_keyless(&request, passes) {
            Ok(()) => ResponseFuture::passed(inner.call(request)),
            Err(not_leader) => self.refuse(inner, request, not_leader, None),
        }
    }

    /// Refuses a request. It is held if an election decides about it and requests are held.
    #[cold]
    fn refuse<S, B, R>(
        &self,
        inner: &mut S,
        request: Request<B>,
        not_leader: NotLeader,
        picked: Option<Picked<E::Election<'_>, E::Which>>,
    ) -> ResponseFuture<S::Future, R, S::Error>
    where
        S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Send + 'static,
        A: FollowerAction<B>,
        E: Elections<Request<B>>,
        B: Body<Error: Into<BoxError>> + Send + 'static,
        R: Body + Send + 'static,
    {
        let forwarded = self.settings.target.marking().find(request.headers());
        let hold = picked.and_then(|picked| match &forwarded {
            Some(forwarded) => self.gate.hold_forwarded(&picked, forwarded.holds_for),
            None => self.gate.hold(&picked),
        });
        let hold = hold.map(|hold| {
            let now = self.gate.clock().now();
            let hold = hold.with_deadline(Deadline::of(&request, now));
            match A::NEEDS_LEADER {
                true => hold.for_the_leader(),
                false => hold,
            }
        });
        // The service that is ready is held with the request, or dropped with the permit that it may hold. The clone in
        // its place is not ready.
        let clone = inner.clone();
        let ready = mem::replace(inner, clone);
        let refused = Refused {
            action: self.action.clone(),
            settings: self.settings.clone(),
            forwarded,
        };
        match hold {
            Some(hold) => ResponseFuture::boxed(refused.hold(request, hold, ready)),
            None => {
                ResponseFuture::boxed(async move { Ok(refused.respond(request, not_leader).await) })
            }
        }
    }
}
