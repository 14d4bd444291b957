use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::task::Admission;

pin_project! {
    /// The response body of [`LeaderOnly`](super::LeaderOnly): the body of the inner service, or of a rejection.
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
            admission: Option<Admission>,
        },
        Text {
            text: Bytes,
        },
    }
}

impl<B: Body> ResponseBody<B> {
    #[inline]
    pub(super) fn new(body: B, admission: Option<Admission>) -> Self {
        // Servers do not poll a body that has already ended.
        let admission = admission.filter(|_| !body.is_end_stream());
        Self {
            kind: Kind::Inner { body, admission },
        }
    }

    pub(super) fn text(text: Bytes) -> Self {
        Self {
            kind: Kind::Text { text },
        }
    }
}

impl<B: Body> Body for ResponseBody<B>
where
    B::Data: From<Bytes>,
{
    type Data = B::Data;
    type Error = B::Error;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        match self.project().kind.project() {
            KindProj::Inner {
                mut body,
                admission,
            } => {
                let frame = ready!(body.as_mut().poll_frame(cx));
                if !matches!(frame, Some(Ok(_))) || body.is_end_stream() {
                    *admission = None;
                }
                Poll::Ready(frame)
            }
            KindProj::Text { text } if text.is_empty() => Poll::Ready(None),
            KindProj::Text { text } => {
                let data = B::Data::from(std::mem::take(text));
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body, .. } => body.is_end_stream(),
            Kind::Text { text } => text.is_empty(),
        }
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body, .. } => body.size_hint(),
            Kind::Text { text } => SizeHint::with_exact(text.len() as u64),
        }
    }
}
