use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    action::{FollowerAction, sealed::Sealed},
    answer::{Form, Rejection},
    body::ResponseBody,
    forward::Failure,
    future::ResponseFuture,
    reveal::insert_leader,
    target::Target,
};
use crate::task::{Admission, LeaderHandle, NotLeader};

/// While the gate is shut a request is answered, so that the service's error type stays what it is. The
/// default.
///
/// | request | answer |
/// |---|---|
/// | HTTP | 503, `retry-after` in whole seconds, `cache-control: no-store`, `noleader-reason`, one line of text |
/// | gRPC | HTTP 200 without a body, `grpc-status: 14` (`UNAVAILABLE`), `grpc-message`, `grpc-retry-pushback-ms`, `noleader-reason` |
///
/// `noleader-reason` is one of `not_leader`, `no_leader`, `warming`, `draining` and `stopped`. A request
/// is gRPC if its content type is `application/grpc`, also with a suffix such as `+proto`. gRPC-Web
/// (`application/grpc-web`) is answered as HTTP: its clients have `UNAVAILABLE` stand for a 503.
///
/// The leader is not named, unless [`reveal_leader`](super::LeaderOnlyLayer::reveal_leader) is set.
///
/// The response body is a [`ResponseBody`], which needs chunks that are made from [`Bytes`], as those of
/// axum, tonic and hyper are.
#[derive(Clone, Debug, Default)]
pub struct Reject {
    /// Names the leader, with an address that a client may be sent to.
    pub(super) revealed: Option<Target>,
}

impl Reject {
    pub(super) fn answer<B>(&self, request: &Request<B>, not_leader: &NotLeader) -> Rejection {
        self.revealing(not_leader, Rejection::new(Form::of(request), not_leader))
    }

    /// Answers in the place of a leader that did not.
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

/// An action that answers as [`Reject`] does, be it as a last resort, so that
/// [`reveal_leader`](super::LeaderOnlyLayer::reveal_leader) applies to it.
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

    fn refuse(&self, request: Request<ReqBody>, not_leader: NotLeader) -> Self::Future {
        ResponseFuture::refused(self.answer(&request, &not_leader))
    }

    fn stopped(&self, _: &LeaderHandle) -> Result<(), S::Error> {
        Ok(())
    }
}
