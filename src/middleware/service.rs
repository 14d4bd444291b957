use std::{
    future::poll_fn,
    mem,
    task::{Context, Poll},
};

use bytes::Buf;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    actions::{FollowerAction, Handled, Reject},
    gate::{Gate, Ready},
    hold::Hold,
    http::{
        answer::{Form, Rejected},
        body::boxed,
        mark::{Forwarded, insert_refusal},
        reveal::insert_leader,
        target::Target,
    },
    matcher::{EveryRequest, Matcher},
    ready::Readiness,
    response::{ResponseBody, ResponseFuture},
    terms::insert_term,
};
use crate::{
    error::BoxError,
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
    fn annotate<B>(&self, response: &mut Response<B>, forwarded: Option<&Forwarded>) {
        let Some(rejected) = response.extensions_mut().remove::<Rejected>() else {
            return;
        };
        let headers = response.headers_mut();
        if let Some(leader) = rejected.leader.filter(|_| self.reveal_leader) {
            insert_leader(headers, &leader, &self.target);
        }
        if let Some(forwarded) = forwarded.filter(|_| !rejected.may_be_executed) {
            insert_refusal(headers, forwarded.id.clone());
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
    settings.target.marking().remove_from(&mut request);
    insert_term(request.extensions_mut(), admission.term().clone());
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
        let forwarded = self.settings.target.marking().find(request.headers());
        let hold = match &forwarded {
            Some(forwarded) => self.gate.hold_forwarded(forwarded.holds_for),
            None => self.gate.hold(),
        };
        // The service that is ready is held with the request, or dropped with the permit that it may hold. The clone in
        // its place is not ready.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        let held = hold.map(|hold| (hold, ready));
        let refused = Refused {
            action: self.action.clone(),
            settings: self.settings.clone(),
            forwarded,
        };
        ResponseFuture::boxed(refused.answer(request, held, not_leader))
    }
}

/// What answers a request that was not admitted.
struct Refused<A> {
    action: A,
    settings: Settings,
    /// Set if another node has forwarded the request.
    forwarded: Option<Forwarded>,
}

impl<A> Refused<A> {
    async fn answer<S, B, R>(
        self,
        mut request: Request<B>,
        held: Option<(Hold, S)>,
        mut not_leader: NotLeader,
    ) -> Result<Response<ResponseBody<R>>, S::Error>
    where
        S: Service<Request<B>, Response = Response<R>> + Clone,
        A: FollowerAction<B>,
        B: Send,
        R: Body,
    {
        let Some((mut hold, mut ready)) = held else {
            return Ok(self.respond(request, not_leader).await);
        };
        loop {
            match hold.decided().await {
                Ok(admission) => {
                    drop(hold);
                    return admitted(&mut ready, request, admission, &self.settings).await;
                }
                Err(decided) => not_leader = decided,
            }
            // The clone holds no permit while the action works.
            let clone = ready.clone();
            drop(mem::replace(&mut ready, clone));
            match self.action.handle(request, not_leader, &mut hold).await {
                Handled::Answered(response) => return Ok(self.annotated(response)),
                Handled::Leads(back) => request = back,
            }
            // Before the request is admitted: the term may end while the service is not ready.
            let is_ready = tokio::select! {
                biased;
                is_ready = poll_fn(|cx| ready.poll_ready(cx)) => is_ready.map(|()| true)?,
                () = hold.over() => false,
            };
            not_leader = hold.not_leader();
            if !is_ready {
                return Ok(self.respond(request, not_leader).await);
            }
        }
    }

    async fn respond<B, R>(
        &self,
        request: Request<B>,
        not_leader: NotLeader,
    ) -> Response<ResponseBody<R>>
    where
        A: FollowerAction<B>,
    {
        self.annotated(self.action.respond(request, not_leader).await)
    }

    fn annotated<T, R>(&self, mut response: Response<T>) -> Response<ResponseBody<R>>
    where
        T: Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
    {
        self.settings
            .annotate(&mut response, self.forwarded.as_ref());
        response.map(|body| ResponseBody::boxed(boxed(body)))
    }
}
