use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    action::{FollowerAction, sealed::Sealed},
    answer::{Form, lost},
    cancel_body::CancelBody,
    entrance::Entrance,
    loss::Loss,
    reject::{Reject, Rejects},
};
use crate::task::{Admission, LeaderHandle, NotLeader};

/// Ends admitted requests when their term ends, and handles all others with the action `A`.
///
/// Created by [`LeaderOnlyLayer::cancel_on_loss`](super::LeaderOnlyLayer::cancel_on_loss).
///
/// The service's future or its response body is dropped at once. The request may have been executed, in part or as a
/// whole, so the response differs from a rejection:
///
/// | request | before the response starts | afterwards |
/// |---|---|---|
/// | HTTP | 503 with `noleader-reason: lost` | the body fails with [`TermLost`](crate::TermLost) |
/// | gRPC | 10 `ABORTED` with `noleader-reason: lost` | the same, as trailers |
///
/// No response carries `retry-after` or `grpc-retry-pushback-ms`.
///
/// The response body is a [`CancelBody`], whose error type is `Box<dyn Error + Send + Sync>`.
#[derive(Clone, Copy, Debug)]
pub struct CancelOnLoss<A>(pub(super) A);

impl<A> Sealed for CancelOnLoss<A> {}

impl<A: Rejects> Rejects for CancelOnLoss<A> {
    fn reject_mut(&mut self) -> &mut Reject {
        self.0.reject_mut()
    }
}

impl<A, S, ReqBody, ResBody> FollowerAction<S, Request<ReqBody>> for CancelOnLoss<A>
where
    A: FollowerAction<S, Request<ReqBody>, Response = Response<ResBody>>,
    S: Service<Request<ReqBody>>,
    ResBody: Body,
    ResBody::Data: From<Bytes>,
{
    type Response = Response<CancelBody<ResBody>>;
    type Future = CancelFuture<A::Future>;

    fn pass(&self, inner: &mut S, request: Request<ReqBody>) -> Self::Future {
        CancelFuture::endless(self.0.pass(inner, request))
    }

    fn admit(
        &self,
        inner: &mut S,
        request: Request<ReqBody>,
        admission: Admission,
    ) -> Self::Future {
        let loss = Loss::of(admission.term());
        let form = Form::of(&request);
        CancelFuture {
            state: State::Inner {
                future: self.0.admit(inner, request, admission),
                ends: Some((loss, form)),
            },
        }
    }

    fn refuse(
        &self,
        entrance: &Entrance,
        request: Request<ReqBody>,
        not_leader: NotLeader,
    ) -> Self::Future {
        CancelFuture::endless(self.0.refuse(entrance, request, not_leader))
    }

    fn stopped(&self, handle: &LeaderHandle) -> Result<(), S::Error> {
        self.0.stopped(handle)
    }
}

pin_project! {
    /// The response future of [`CancelOnLoss`]: the future of its action, `F`, which is dropped when the term ends.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct CancelFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = StateProj]
    enum State<F> {
        Inner {
            #[pin]
            future: F,
            // None if the request was not admitted, and has no term.
            ends: Option<(Loss, Form)>,
        },
        Lost,
    }
}

impl<F> CancelFuture<F> {
    fn endless(future: F) -> Self {
        Self {
            state: State::Inner { future, ends: None },
        }
    }
}

impl<F, B, E> Future for CancelFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<CancelBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        let StateProj::Inner { future, ends } = state.as_mut().project() else {
            panic!("`CancelFuture` polled after completion");
        };
        if let Some((loss, form)) = ends
            && loss.poll(cx).is_ready()
        {
            let response = lost(*form).map(CancelBody::text);
            state.set(State::Lost);
            return Poll::Ready(Ok(response));
        }
        let response = ready!(future.poll(cx))?;
        let loss = ends.take().map(|(loss, _)| loss);
        let is_grpc = Form::is_grpc(response.headers());
        Poll::Ready(Ok(response.map(|body| CancelBody::new(body, loss, is_grpc))))
    }
}
