use bytes::{Buf, Bytes};
use http_body::Body;
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};

use crate::error::BoxError;

/// A body of any kind.
pub(in crate::middleware) type BoxBody = UnsyncBoxBody<Bytes, BoxError>;

pub(in crate::middleware) fn boxed<B>(body: B) -> BoxBody
where
    B: Body<Data: Buf, Error: Into<BoxError>> + Send + 'static,
{
    body.map_frame(|frame| frame.map_data(|mut data| data.copy_to_bytes(data.remaining())))
        .map_err(Into::into)
        .boxed_unsync()
}

pub(in crate::middleware) fn text(line: Bytes) -> BoxBody {
    boxed(Full::new(line))
}
