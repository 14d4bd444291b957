use std::{
    any::Any,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use pin_project_lite::pin_project;

use crate::error::BoxError;

/// A body of any kind.
pub(in crate::middleware) type BoxBody = UnsyncBoxBody<Bytes, BoxError>;

/// Boxes a body, unless it is boxed already.
pub(in crate::middleware) fn boxed<B>(body: B) -> BoxBody
where
    B: Body<Error: Into<BoxError>> + Send + 'static,
{
    let mut body = Some(body);
    let boxed = (&mut body as &mut dyn Any).downcast_mut::<Option<BoxBody>>();
    match (boxed.and_then(Option::take), body) {
        (Some(boxed), _) => boxed,
        (None, body) => with_trailers(
            body.unwrap_or_else(|| unreachable!("it was not taken")),
            |_| {},
        ),
    }
}

/// Boxes a body whose trailers are changed.
pub(in crate::middleware) fn with_trailers<B>(body: B, change: fn(&mut HeaderMap)) -> BoxBody
where
    B: Body<Error: Into<BoxError>> + Send + 'static,
{
    Converted { body, change }.boxed_unsync()
}

pub(in crate::middleware) fn text(line: Bytes) -> BoxBody {
    Full::new(line)
        .map_err(|never| match never {})
        .boxed_unsync()
}

pin_project! {
    /// The body `B` with the types of a [`BoxBody`]. Unlike http-body-util's `MapFrame`, it keeps the length.
    struct Converted<B> {
        #[pin]
        body: B,
        change: fn(&mut HeaderMap),
    }
}

impl<B> Body for Converted<B>
where
    B: Body<Error: Into<BoxError>>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        let Some(frame) = ready!(this.body.poll_frame(cx)) else {
            return Poll::Ready(None);
        };
        let frame = frame.map_err(Into::into).map(|mut frame| {
            if let Some(trailers) = frame.trailers_mut() {
                (this.change)(trailers);
            }
            // For `Bytes`, this copies nothing.
            frame.map_data(|mut data| data.copy_to_bytes(data.remaining()))
        });
        Poll::Ready(Some(frame))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
