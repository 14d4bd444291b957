use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http::Response;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{
    http::{
        answer::{Form, lost, lost_trailers},
        body::{BoxBody, text},
    },
    loss::Admitted,
    term_lost::TermLost,
};
use crate::{error::BoxError, task::Admission};

type Boxed<R, E> = Pin<Box<dyn Future<Output = Result<Response<ResponseBody<R>>, E>> + Send>>;

pin_project! {
    /// The response future of [`LeaderOnly`](super::LeaderOnly), around the future `F` of the inner service, with the
    /// response body `R` and the error `E`.
    ///
    /// It holds the admission of the request. Dropping it gives the request up, which may have been executed in part.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, R, E> {
        #[pin]
        state: State<F, R, E>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, R, E> {
        Inner {
            #[pin]
            future: F,
            // Declared, and so dropped, after the future: until then the request is in progress.
            admitted: Option<Admitted>,
        },
        // A request that was not admitted at once.
        Boxed {
            future: Boxed<R, E>,
        },
        Done,
    }
}

impl<F, R, E> ResponseFuture<F, R, E> {
    #[inline]
    pub(super) fn passed(future: F) -> Self {
        Self::inner(future, None)
    }

    /// With `ends`, the request ends with its term, and with a response of this form.
    #[inline]
    pub(super) fn admitted(future: F, admission: Admission, ends: Option<Form>) -> Self {
        Self::inner(future, Some(Admitted::new(admission, ends)))
    }

    #[inline]
    fn inner(future: F, admitted: Option<Admitted>) -> Self {
        Self {
            state: State::Inner { future, admitted },
        }
    }

    pub(super) fn boxed(
        future: impl Future<Output = Result<Response<ResponseBody<R>>, E>> + Send + 'static,
    ) -> Self {
        Self {
            state: State::Boxed {
                future: Box::pin(future),
            },
        }
    }
}

impl<F, R, E> Future for ResponseFuture<F, R, E>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body,
{
    type Output = Result<Response<ResponseBody<R>>, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        let form = match state.as_mut().project() {
            StateProj::Inner { future, admitted } => match is_lost(admitted) {
                Some(form) => form,
                None => {
                    if let Poll::Ready(response) = future.poll(cx) {
                        let admitted = admitted.take();
                        return Poll::Ready(response.map(|r| ResponseBody::of(r, admitted)));
                    }
                    ready!(poll_lost(admitted, cx))
                }
            },
            StateProj::Boxed { future } => return future.as_mut().poll(cx),
            StateProj::Done => panic!("`ResponseFuture` polled after completion"),
        };
        // Drops the future of the service.
        state.set(State::Done);
        Poll::Ready(Ok(lost(form).map(|line| ResponseBody::boxed(text(line)))))
    }
}

impl<F, R, E> fmt::Debug for ResponseFuture<F, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_admitted = matches!(self.state, State::Inner { .. });
        f.debug_struct("ResponseFuture")
            .field("is_admitted", &is_admitted)
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// The response body of [`LeaderOnly`](super::LeaderOnly): the body `B` of the inner service, or of another
    /// response.
    ///
    /// It holds the admission of the request until it ends, fails or is dropped. A leader that steps down therefore
    /// finishes the responses that it streams.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = KindProj]
    enum Kind<B> {
        Inner {
            #[pin]
            body: B,
            // Declared, and so dropped, after the body: until then the request is in progress.
            admitted: Option<Admitted>,
        },
        Boxed {
            body: BoxBody,
        },
    }
}

impl<B> ResponseBody<B> {
    pub(super) fn boxed(body: BoxBody) -> Self {
        Self {
            kind: Kind::Boxed { body },
        }
    }
}

impl<B: Body> ResponseBody<B> {
    #[inline]
    fn of(response: Response<B>, mut admitted: Option<Admitted>) -> Response<Self> {
        // Servers do not poll a body that has already ended.
        if response.body().is_end_stream() {
            admitted = None;
        } else if let Some(admitted) = &mut admitted {
            admitted.responds(response.headers());
        }
        response.map(|body| Self {
            kind: Kind::Inner { body, admitted },
        })
    }
}

/// An empty body, as tower-http's layers use in place of a response.
impl<B> Default for ResponseBody<B> {
    fn default() -> Self {
        Self::boxed(BoxBody::default())
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body,
    B::Data: From<Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let mut kind = self.project().kind;
        let form = match kind.as_mut().project() {
            KindProj::Inner { mut body, admitted } => match is_lost(admitted) {
                Some(form) => form,
                None => {
                    if let Poll::Ready(frame) = body.as_mut().poll_frame(cx) {
                        release(admitted, &frame, body.is_end_stream());
                        return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
                    }
                    ready!(poll_lost(admitted, cx))
                }
            },
            KindProj::Boxed { body } => {
                let frame = Pin::new(body).poll_frame(cx);
                return frame.map(|frame| Some(frame?.map(|frame| frame.map_data(Into::into))));
            }
        };
        // Drops the body of the service.
        kind.set(Kind::Boxed {
            body: BoxBody::default(),
        });
        Poll::Ready(Some(match form {
            Form::Grpc => Ok(Frame::trailers(lost_trailers())),
            Form::GrpcWeb(web) => Ok(Frame::data(web.trailers(&lost_trailers()).into())),
            Form::Text | Form::Head => Err(TermLost.into()),
        }))
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body, .. } => body.is_end_stream(),
            Kind::Boxed { body } => body.is_end_stream(),
        }
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body, .. } => body.size_hint(),
            Kind::Boxed { body } => body.size_hint(),
        }
    }
}

#[inline]
fn is_lost(admitted: &Option<Admitted>) -> Option<Form> {
    admitted.as_ref()?.is_lost()
}

#[inline]
fn poll_lost(admitted: &mut Option<Admitted>, cx: &mut Context<'_>) -> Poll<Form> {
    match admitted {
        Some(admitted) => admitted.poll_lost(cx),
        None => Poll::Pending,
    }
}

/// Gives the admission up once the body has ended or failed.
#[inline]
fn release<D: Buf, E>(
    admitted: &mut Option<Admitted>,
    frame: &Option<Result<Frame<D>, E>>,
    is_end_stream: bool,
) {
    match frame {
        Some(Ok(_)) if is_end_stream => *admitted = None,
        Some(Ok(frame)) => {
            if let Some(admitted) = admitted {
                admitted.sends(frame);
            }
        }
        None | Some(Err(_)) => *admitted = None,
    }
}
