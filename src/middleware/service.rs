use std::{
    future::poll_fn,
    mem,
    task::{Context, Poll},
};

use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    actions::{FollowerAction, Handled, Reject},
    gate::{Gate, Ready},
    hold::Hold,
    http::{
        answer::{Form, Rejected},
        body::boxed,
        mark::insert_refusal,
        reveal::insert_leader,
        target::Target,
    },
    matcher::{EveryRequest, Matcher},
    ready::Readiness,
    response::{ResponseBody, ResponseFuture},
};
use crate::{
    lease::LeaderInfo,
    task::{Admission, NotLeader},
};

/// A service that receives gated HTTP requests only while this node leads. Created by
/// [`LeaderOnlyLayer`](super::LeaderOnlyLayer).
///
/// Clones share the election. A clone has to be polled until it is ready before it is called, even if the original was.
#[derive(Clone, Debug)]
pub struct LeaderOnly<S, A = Reject, M = EveryRequest> {
    inner: S,
    gate: Gate<M>,
    action: A,
    settings: Settings,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) target: Target,
    pub(super) cancel_on_loss: bool,
    pub(super) reveal_leader: bool,
}

impl Settings {
    /// Adds to a rejection who leads, and which attempt to forward the request was refused.
    fn name(
        &self,
        leader: Option<&LeaderInfo>,
        attempt: Option<HeaderValue>,
        headers: &mut HeaderMap,
    ) {
        if let Some(leader) = leader.filter(|_| self.reveal_leader) {
            insert_leader(headers, leader, &self.target);
        }
        if let Some(attempt) = attempt {
            insert_refusal(headers, attempt);
        }
    }
}

impl<S, A, M> LeaderOnly<S, A, M> {
    pub(super) fn new(inner: S, gate: Gate<M>, action: A, settings: Settings) -> Self {
        Self {
            inner,
            gate,
            action,
            settings,
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

impl<S, A, M, B, R> Service<Request<B>> for LeaderOnly<S, A, M>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    A: FollowerAction<B>,
    M: Matcher<Request<B>> + Readiness,
    B: Send + 'static,
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
        if !self.gate.gates(&request) {
            return ResponseFuture::passed(self.inner.call(request));
        }
        match self.gate.admit() {
            Ok(admission) => admitted(&mut self.inner, request, admission, &self.settings),
            Err(not_leader) => self.refuse(request, not_leader),
        }
    }
}

#[inline]
fn admitted<S, B, R>(
    inner: &mut S,
    mut request: Request<B>,
    admission: Admission,
    settings: &Settings,
) -> ResponseFuture<S::Future, R, S::Error>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    settings.target.marking().remove_from(request.headers_mut());
    request.extensions_mut().insert(admission.term().clone());
    let ends = settings.cancel_on_loss.then_some(&request).map(Form::of);
    ResponseFuture::admitted(inner.call(request), admission, ends)
}

impl<S: Clone, A: Clone, M> LeaderOnly<S, A, M> {
    #[cold]
    fn refuse<B, R>(
        &mut self,
        request: Request<B>,
        not_leader: NotLeader,
    ) -> ResponseFuture<S::Future, R, S::Error>
    where
        S: Service<Request<B>, Response = Response<R>> + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Send + 'static,
        A: FollowerAction<B>,
        B: Send + 'static,
        R: Body + Send + 'static,
    {
        // The service that is ready is held with the request, or dropped with the permit that it may hold. The clone in
        // its place is not ready.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        let held = self.gate.hold().map(|hold| (hold, ready));
        let refused = Refused {
            action: self.action.clone(),
            settings: self.settings.clone(),
        };
        ResponseFuture::boxed(refused.answer(request, held, not_leader))
    }
}

/// What answers a request that was not admitted.
struct Refused<A> {
    action: A,
    settings: Settings,
}

impl<A> Refused<A> {
    async fn answer<S, B, R>(
        self,
        request: Request<B>,
        held: Option<(Hold, S)>,
        mut not_leader: NotLeader,
    ) -> Result<Response<ResponseBody<R>>, S::Error>
    where
        S: Service<Request<B>, Response = Response<R>> + Clone,
        A: FollowerAction<B>,
        B: Send,
        R: Body,
    {
        let attempt = self.settings.target.marking().id_in(request.headers());
        let mut hold = None;
        let mut inner = None;
        if let Some((mut held, mut ready)) = held {
            match held.decided().await {
                Ok(admission) => {
                    return admitted(&mut ready, request, admission, &self.settings).await;
                }
                Err(decided) => not_leader = decided,
            }
            // The clone holds no permit while the action works.
            inner = Some(ready.clone());
            hold = Some(held);
        }
        match self.action.handle(request, not_leader, hold).await {
            Handled::Answered(mut response) => {
                if let Some(Rejected(leader)) = response.extensions_mut().remove() {
                    let headers = response.headers_mut();
                    self.settings.name(leader.as_ref(), attempt, headers);
                }
                Ok(response.map(|body| ResponseBody::boxed(boxed(body))))
            }
            Handled::Admitted(request, admission) => {
                let Some(mut inner) = inner else {
                    unreachable!("only a request that is held is admitted later");
                };
                poll_fn(|cx| inner.poll_ready(cx)).await?;
                admitted(&mut inner, request, admission, &self.settings).await
            }
        }
    }
}
