use std::{
    future::{Future, poll_fn},
    mem,
    sync::Arc,
};

use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower_service::Service;

use super::{
    actions::{FollowerAction, Handled},
    admitted::admitted,
    hold::Hold,
    http::{
        answer::{self, Form},
        body::{boxed, text},
        mark::Forwarded,
        upload::Upload,
    },
    response::ResponseBody,
    settings::Settings,
};
use crate::{error::BoxError, task::NotLeader};

/// What answers a request that was not admitted.
pub(super) struct Refused<A> {
    pub(super) action: A,
    pub(super) settings: Arc<Settings>,
    /// Set if another node has forwarded the request.
    pub(super) forwarded: Option<Forwarded>,
}

impl<A> Refused<A> {
    pub(super) async fn hold<S, B, R>(
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
                    let shard = hold.shard();
                    drop(hold);
                    let settings = &self.settings;
                    return admitted(&mut ready, request, admission, shard, settings).await;
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

    pub(super) fn respond<B, R>(
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
