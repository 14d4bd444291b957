use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    action::{FollowerAction, sealed::Sealed},
    answer::{Form, Rejection},
    body::ResponseBody,
    entrance::Entrance,
    forward::Failure,
    future::ResponseFuture,
    reveal::insert_leader,
    target::Target,
};
use crate::task::{Admission, LeaderHandle, NotLeader};

/// Rejects requests with a response, so that the error type of the service does not change. This is the default.
///
/// | request | status | headers | body |
/// |---|---|---|---|
/// | HTTP | 503 | `noleader-reason`, `retry-after` in whole seconds, `cache-control: no-store` | one line of text |
/// | gRPC | 14 `UNAVAILABLE` | `noleader-reason`, `grpc-retry-pushback-ms`, `grpc-message` | none |
///
/// - `noleader-reason` is `not_leader`, `no_leader`, `warming`, `draining` or `stopped`.
/// - A request is gRPC if its content type is `application/grpc`, with or without a suffix such as `+proto`. A gRPC-Web
///   request (`application/grpc-web`) gets the HTTP response; gRPC-Web clients treat a 503 as `UNAVAILABLE`.
/// - The response to a gRPC request is trailers-only, with the HTTP status 200.
/// - The response names the leader only if [`reveal_leader`](super::LeaderOnlyLayer::reveal_leader) is set.
///
/// The response body is a [`ResponseBody`]. The service's body has to use a data type that implements `From<Bytes>`, as
/// the bodies of axum, tonic and hyper do.
#[derive(Clone, Debug, Default)]
pub struct Reject {
    /// Set if rejections name the leader.
    pub(super) revealed: Option<Target>,
}

impl Reject {
    pub(super) fn answer<B>(&self, request: &Request<B>, not_leader: &NotLeader) -> Rejection {
        self.revealing(not_leader, Rejection::new(Form::of(request), not_leader))
    }

    pub(super) fn failed(
        &self,
        form: Form,
        failure: &Failure,
        not_leader: &NotLeader,
    ) -> Rejection {
        self.revealing(not_leader, Rejection::failed(form, failure, not_leader))
    }

    fn revealing(&self, not_leader: &NotLeader, mut rejection: Rejection) -> Rejection {
        if let (Some(leader), Some(target)) = (not_leader.leader(), &self.revealed) {
            insert_leader(rejection.headers_mut(), leader, target);
        }
        rejection
    }
}

/// A follower action that rejects at least some requests as [`Reject`] does, so that
/// [`reveal_leader`](super::LeaderOnlyLayer::reveal_leader) applies to it.
///
/// This trait is sealed.
pub trait Rejects: Sealed {
    #[doc(hidden)]
    fn reject_mut(&mut self) -> &mut Reject;
}

impl Sealed for Reject {}

impl Rejects for Reject {
    fn reject_mut(&mut self) -> &mut Reject {
        self
    }
}

impl<S, ReqBody, ResBody> FollowerAction<S, Request<ReqBody>> for Reject
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Body,
    ResBody::Data: From<Bytes>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Future = ResponseFuture<S::Future>;

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
        ResponseFuture::refused(self.answer(&request, &not_leader))
    }

    fn stopped(&self, _: &LeaderHandle) -> Result<(), S::Error> {
        Ok(())
    }
}
