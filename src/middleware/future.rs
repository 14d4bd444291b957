use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::{answer::Rejection, body::ResponseBody};
use crate::task::{Admission, NotLeader};

pin_project! {
    /// The response future of [`LeaderOnly`](super::LeaderOnly): the future of the inner service, `F`, or a rejection,
    /// `R`.
    ///
    /// It holds the admission of the request. Dropping it gives the request up, which may have been executed in part.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, R = Rejection> {
        #[pin]
        state: State<F, R>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = StateProj]
    enum State<F, R> {
        Inner {
            #[pin]
            future: F,
            // Declared, and so dropped, after the future: until then the request is in progress.
            admission: Option<Admission>,
        },
        Refused {
            refusal: Option<R>,
        },
    }
}

impl<F, R> ResponseFuture<F, R> {
    #[inline]
    pub(super) fn inner(future: F, admission: Option<Admission>) -> Self {
        Self {
            state: State::Inner { future, admission },
        }
    }

    pub(super) fn refused(refusal: R) -> Self {
        Self {
            state: State::Refused {
                refusal: Some(refusal),
            },
        }
    }
}

/// For [`Reject`](super::Reject), [`Redirect`](super::Redirect) and [`Forward`](super::Forward).
impl<F, B, E> Future for ResponseFuture<F, Rejection>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    B::Data: From<Bytes>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Inner { future, admission } => {
                let response = ready!(future.poll(cx));
                let admission = admission.take();
                Poll::Ready(response.map(|r| r.map(|body| ResponseBody::new(body, admission))))
            }
            StateProj::Refused { refusal } => {
                Poll::Ready(Ok(take(refusal).into_response(ResponseBody::text)))
            }
        }
    }
}

/// For [`RejectWith`](super::RejectWith).
impl<F, B, E> Future for ResponseFuture<F, Response<B>>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    B::Data: From<Bytes>,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (response, admission) = match self.project().state.project() {
            StateProj::Inner { future, admission } => (ready!(future.poll(cx)), admission.take()),
            StateProj::Refused { refusal } => (Ok(take(refusal)), None),
        };
        Poll::Ready(response.map(|r| r.map(|body| ResponseBody::new(body, admission))))
    }
}

/// For [`Fail`](super::Fail).
impl<F, T, E> Future for ResponseFuture<F, NotLeader>
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
            StateProj::Refused { refusal } => Poll::Ready(Err(take(refusal).into())),
        }
    }
}

#[track_caller]
fn take<R>(refusal: &mut Option<R>) -> R {
    match refusal.take() {
        Some(refusal) => refusal,
        None => panic!("`ResponseFuture` polled after completion"),
    }
}
