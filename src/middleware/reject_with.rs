use std::{any::type_name, fmt};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    action::{FollowerAction, sealed::Sealed},
    body::ResponseBody,
    entrance::Entrance,
    future::ResponseFuture,
};
use crate::task::{Admission, LeaderHandle, NotLeader};

/// Rejects requests with the response that a closure returns.
///
/// Created by [`LeaderOnlyLayer::reject_with`](super::LeaderOnlyLayer::reject_with).
#[derive(Clone, Copy)]
pub struct RejectWith<F>(pub(super) F);

impl<F> fmt::Debug for RejectWith<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RejectWith({})", type_name::<F>())
    }
}

impl<F> Sealed for RejectWith<F> {}

impl<F, S, ReqBody, ResBody> FollowerAction<S, Request<ReqBody>> for RejectWith<F>
where
    F: Fn(NotLeader, Request<ReqBody>) -> Response<ResBody>,
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Body,
    ResBody::Data: From<Bytes>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Future = ResponseFuture<S::Future, Response<ResBody>>;

    #[inline]
    fn pass(&self, inner: &mut S, request: Request<ReqBody>) -> Self::Future {
        ResponseFuture::inner(inner.call(request), None)
    }

    #[inline]
    fn admit(
        &self,
        inner: &mut S,
        mut request: Request<ReqBody>,
        admission: Admission,
    ) -> Self::Future {
        request.extensions_mut().insert(admission.term().clone());
        ResponseFuture::inner(inner.call(request), Some(admission))
    }

    fn refuse(
        &self,
        _: &Entrance,
        request: Request<ReqBody>,
        not_leader: NotLeader,
    ) -> Self::Future {
        ResponseFuture::refused((self.0)(not_leader, request))
    }

    fn stopped(&self, _: &LeaderHandle) -> Result<(), S::Error> {
        Ok(())
    }
}
