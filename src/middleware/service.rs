use std::{
    future::{Future, poll_fn},
    mem,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower_service::Service;

use super::{
    actions::{FollowerAction, Handled, Reject},
    gate::{Gate, Ready},
    hold::Hold,
    http::{
        answer::{self, Form, Rejected},
        body::{boxed, text},
        grpc_timeout::Deadline,
        linger::Linger,
        mark::{Forwarded, insert_refusal, is_forwarded},
        reveal::insert_leader,
        target::Target,
        upload::Upload,
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
    // Shared, because routers clone a service for each request.
    settings: Arc<Settings>,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) target: Target,
    pub(super) linger: Linger,
    pub(super) cancel_on_loss: bool,
    pub(super) reveal_leader: bool,
}

impl Settings {
    /// Turns a request that another node has forwarded into the one that its client has sent.
    #[cold]
    fn arrived<B>(&self, mut request: Request<B>) -> Request<B>
    where
        B: Body<Error: Into<BoxError>> + Send + 'static,
    {
        self.target.marking().remove_from(&mut request);
        // The other node does not read the response while it cannot send on.
        Upload::of(request, &self.linger).map(Upload::into_body)
    }

    /// Adds to a rejection who leads, and which attempt to forward the request was refused. Returns the body if it
    /// depends on that.
    fn annotate<B>(
        &self,
        response: &mut Response<B>,
        forwarded: Option<&Forwarded>,
    ) -> Option<Bytes> {
        let rejected = response.extensions_mut().remove::<Rejected>()?;
        let headers = response.headers_mut();
        if let Some(leader) = rejected.leader.filter(|_| self.reveal_leader) {
            insert_leader(headers, &leader, &self.target);
        }
        let body = rejected.form.finish(headers);
        // A header in any form, because the node that has forwarded the request reads it.
        if let Some(forwarded) = forwarded.filter(|_| !rejected.may_be_executed) {
            insert_refusal(headers, forwarded.id.clone());
        }
        body
    }
}

impl<S, A, M> LeaderOnly<S, A, M> {
    pub(super) fn new(inner: S, gate: Gate<M>, action: A, settings: Settings) -> Self {
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

impl<S, A, M, B, R> Service<Request<B>> for LeaderOnly<S, A, M>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    A: FollowerAction<B>,
    M: Matcher<Request<B>> + Readiness,
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
        if !self.gate.gates(&request) {
            return ResponseFuture::passed(self.inner.call(request));
        }
        match self.gate.admit() {
            Ok(admission) => admitted(&mut self.inner, request, admission, &self.settings),
            Err(not_leader) => self.refuse(request, not_leader),
        }
    }
}

// Not inlined, so that the request is changed in place. A copy takes longer than a call.
#[inline(never)]
fn admitted<S, B, R>(
    inner: &mut S,
    mut request: Request<B>,
    admission: Admission,
    settings: &Settings,
) -> ResponseFuture<S::Future, R, S::Error>
where
    S: Service<Request<B>, Response = Response<R>>,
    B: Body<Error: Into<BoxError>> + Send + 'static,
{
    if is_forwarded(request.headers()) {
        request = settings.arrived(request);
    }
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
        B: Body<Error: Into<BoxError>> + Send + 'static,
        R: Body + Send + 'static,
    {
        let forwarded = self.settings.target.marking().find(request.headers());
        let hold = match &forwarded {
            Some(forwarded) => self.gate.hold_forwarded(forwarded.holds_for),
            None => self.gate.hold(),
        };
        let hold = hold.map(|hold| {
            let now = self.gate.handle().clock().now();
            let hold = hold.with_deadline(Deadline::of(&request, now));
            match A::NEEDS_LEADER {
                true => hold.for_the_leader(),
                false => hold,
            }
        });
        // The service that is ready is held with the request, or dropped with the permit that it may hold. The clone in
        // its place is not ready.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
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

/// What answers a request that was not admitted.
struct Refused<A> {
    action: A,
    settings: Arc<Settings>,
    /// Set if another node has forwarded the request.
    forwarded: Option<Forwarded>,
}

impl<A> Refused<A> {
    async fn hold<S, B, R>(
        self,
        mut request: Request<B>,
        mut hold: Hold,
        mut ready: S,
    ) -> Result<Response<ResponseBody<R>>, S::Error>
    where
        S: Service<Request<B>, Response = Response<R>> + Clone,
        A: FollowerAction<B>,
        B: Body<Error: Into<BoxError>> + Send + 'static,
        R: Body,
    {
        loop {
            let not_leader = match hold.decided().await {
                Ok(admission) => {
                    hold.shorten_timeout(request.headers_mut());
                    drop(hold);
                    return admitted(&mut ready, request, admission, &self.settings).await;
                }
                Err(not_leader) => not_leader,
            };
            if hold.is_late() {
                return Ok(self.too_late(request, not_leader));
            }
            // The clone holds no permit while the action works.
            let clone = ready.clone();
            drop(mem::replace(&mut ready, clone));
            let upload = self.upload(request);
            match self.action.handle(upload, not_leader, &mut hold).await {
                Handled::Answered(response) => return Ok(self.annotated(response)),
                Handled::Leads(back) => request = back,
            }
            // Before the request is admitted: the term may end while the service is not ready.
            let is_ready = tokio::select! {
                biased;
                is_ready = poll_fn(|cx| ready.poll_ready(cx)) => is_ready.map(|()| true)?,
                () = hold.over() => false,
            };
            if !is_ready && hold.is_late() {
                return Ok(self.too_late(request, hold.not_leader()));
            }
            if !is_ready {
                return Ok(self.respond(request, hold.not_leader()).await);
            }
        }
    }

    fn respond<B, R>(
        &self,
        request: Request<B>,
        not_leader: NotLeader,
    ) -> impl Future<Output = Response<ResponseBody<R>>> + Send
    where
        A: FollowerAction<B>,
        B: Body<Error: Into<BoxError>> + Send + 'static,
    {
        let answer = self.action.answer(self.upload(request), not_leader);
        async { self.annotated(answer.await) }
    }

    fn upload<B>(&self, request: Request<B>) -> Request<Upload<B>>
    where
        B: Body<Error: Into<BoxError>> + Send + 'static,
    {
        Upload::of(request, &self.settings.linger)
    }

    fn too_late<B, R>(
        &self,
        request: Request<B>,
        not_leader: NotLeader,
    ) -> Response<ResponseBody<R>>
    where
        B: Body<Error: Into<BoxError>> + Send + 'static,
    {
        let request = self.upload(request);
        let response = answer::too_late(Form::of(&request), &not_leader);
        self.annotated(response.map(Full::new))
    }

    fn annotated<T, R>(&self, mut response: Response<T>) -> Response<ResponseBody<R>>
    where
        T: Body<Error: Into<BoxError>> + Send + 'static,
    {
        let finished = self
            .settings
            .annotate(&mut response, self.forwarded.as_ref());
        response.map(|body| ResponseBody::boxed(finished.map_or_else(|| boxed(body), text)))
    }
}
