use std::any::Any;

use bytes::Bytes;
use http_body::Body;
use http_body_util::combinators;

use crate::error::BoxError;

/// A body that can be made from another one.
///
/// [`LeaderOnlyLayer::forward`](crate::LeaderOnlyLayer::forward) needs it of the client's request body. It is implemented
/// for the boxed bodies of http-body-util, for `axum::body::Body` with feature `axum`, and for `tonic::body::Body` with
/// feature `tonic`.
pub trait FromBody: Body + Send + 'static {
    /// Makes a body that yields the frames of `body`.
    fn from_body<B>(body: B) -> Self
    where
        B: Body<Data = Bytes, Error = BoxError> + Send + Sync + 'static;
}

impl FromBody for combinators::BoxBody<Bytes, BoxError> {
    fn from_body<B>(body: B) -> Self
    where
        B: Body<Data = Bytes, Error = BoxError> + Send + Sync + 'static,
    {
        Self::new(body)
    }
}

impl FromBody for combinators::UnsyncBoxBody<Bytes, BoxError> {
    fn from_body<B>(body: B) -> Self
    where
        B: Body<Data = Bytes, Error = BoxError> + Send + Sync + 'static,
    {
        Self::new(body)
    }
}

#[cfg(feature = "axum")]
impl FromBody for axum::body::Body {
    fn from_body<B>(body: B) -> Self
    where
        B: Body<Data = Bytes, Error = BoxError> + Send + Sync + 'static,
    {
        Self::new(body)
    }
}

#[cfg(feature = "tonic")]
impl FromBody for tonic::body::Body {
    fn from_body<B>(body: B) -> Self
    where
        B: Body<Data = Bytes, Error = BoxError> + Send + Sync + 'static,
    {
        Self::new(body)
    }
}

/// Makes a body of the type `T` from `body`, if `T` is one of the types above.
pub(in crate::middleware) fn make<T, B>(body: B) -> Result<T, B>
where
    T: Any,
    B: Body<Data = Bytes, Error = BoxError> + Send + Sync + 'static,
{
    let made = make_as::<combinators::UnsyncBoxBody<Bytes, BoxError>, T, B>(body);
    let made = made.or_else(make_as::<combinators::BoxBody<Bytes, BoxError>, T, B>);
    #[cfg(feature = "axum")]
    let made = made.or_else(make_as::<axum::body::Body, T, B>);
    #[cfg(feature = "tonic")]
    let made = made.or_else(make_as::<tonic::body::Body, T, B>);
    made
}

fn make_as<F, T, B>(body: B) -> Result<T, B>
where
    F: FromBody,
    T: Any,
    B: Body<Data = Bytes, Error = BoxError> + Send + Sync + 'static,
{
    let mut made = None::<T>;
    match (&mut made as &mut dyn Any).downcast_mut::<Option<F>>() {
        Some(same) => *same = Some(F::from_body(body)),
        None => return Err(body),
    }
    Ok(made.unwrap_or_else(|| unreachable!("the types are the same")))
}
