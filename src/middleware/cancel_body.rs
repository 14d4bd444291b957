use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{
    answer::lost_trailers,
    loss::{Loss, TermLost},
};
use crate::error::BoxError;

pin_project! {
    /// The response body of [`CancelOnLoss`](super::CancelOnLoss): the body `B`, which is dropped when the term ends.
    ///
    /// A gRPC response then ends with the status `ABORTED`, and any other response with the error [`TermLost`].
    #[derive(Debug)]
    pub struct CancelBody<B> {
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
            loss: Option<Loss>,
            is_grpc: bool,
        },
        Text {
            text: Bytes,
        },
    }
}

impl<B> CancelBody<B> {
    pub(super) fn new(body: B, loss: Option<Loss>, is_grpc: bool) -> Self {
        Self {
            kind: Kind::Inner {
                body,
                loss,
                is_grpc,
            },
        }
    }

    pub(super) fn text(text: Bytes) -> Self {
        Self {
            kind: Kind::Text { text },
        }
    }
}

impl<B> Body for CancelBody<B>
where
    B: Body,
    B::Data: From<Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let mut kind = self.project().kind;
        let end = match kind.as_mut().project() {
            KindProj::Inner {
                body,
                loss,
                is_grpc,
            } => {
                let lost = loss.as_mut().is_some_and(|loss| loss.poll(cx).is_ready());
                if !lost {
                    let frame = ready!(body.poll_frame(cx));
                    if !matches!(&frame, Some(Ok(frame)) if !frame.is_trailers()) {
                        // The body has ended or failed, so the end of the term no longer matters.
                        *loss = None;
                    }
                    return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
                }
                if *is_grpc {
                    Ok(Frame::trailers(lost_trailers()))
                } else {
                    Err(TermLost.into())
                }
            }
            KindProj::Text { text } if text.is_empty() => return Poll::Ready(None),
            KindProj::Text { text } => Ok(Frame::data(std::mem::take(text).into())),
        };
        kind.set(Kind::Text { text: Bytes::new() });
        Poll::Ready(Some(end))
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body, .. } => body.is_end_stream(),
            Kind::Text { text } => text.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body, .. } => body.size_hint(),
            Kind::Text { text } => SizeHint::with_exact(text.len() as u64),
        }
    }
}
