use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::hop::prepare_response;
use crate::{error::BoxError, middleware::body::ResponseBody};

pin_project! {
    /// The response body of [`Forward`](super::Forward): the body of the gated service, `B`, or of the leader's
    /// response, `R`.
    ///
    /// Dropping it, as a server does when its client goes away, cancels the leader's response.
    #[derive(Debug)]
    pub struct ForwardBody<B, R> {
        #[pin]
        kind: Kind<B, R>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = KindProj]
    enum Kind<B, R> {
        Here {
            #[pin]
            body: ResponseBody<B>,
        },
        Leader {
            #[pin]
            body: R,
        },
    }
}

impl<B, R> ForwardBody<B, R> {
    pub(super) fn here(body: ResponseBody<B>) -> Self {
        Self {
            kind: Kind::Here { body },
        }
    }

    pub(super) fn of_leader(body: R) -> Self {
        Self {
            kind: Kind::Leader { body },
        }
    }
}

/// Trailers are headers too: a server may abort a response whose trailers contain hop-by-hop headers.
fn passed_on<D>(mut frame: Frame<D>) -> Frame<D> {
    if let Some(trailers) = frame.trailers_mut() {
        prepare_response(trailers);
    }
    frame
}

impl<B, R> Body for ForwardBody<B, R>
where
    B: Body,
    B::Data: From<Bytes>,
    B::Error: Into<BoxError>,
    R: Body<Data = B::Data>,
    R::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        match self.project().kind.project() {
            KindProj::Here { body } => body
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map_err(Into::into))),
            KindProj::Leader { body } => body.poll_frame(cx).map(|frame| match frame? {
                Ok(frame) => Some(Ok(passed_on(frame))),
                Err(error) => Some(Err(error.into())),
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Here { body } => body.is_end_stream(),
            Kind::Leader { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Here { body } => body.size_hint(),
            Kind::Leader { body } => body.size_hint(),
        }
    }
}
