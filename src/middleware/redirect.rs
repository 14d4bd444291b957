use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    action::{FollowerAction, sealed::Sealed},
    answer::{Form, Rejection},
    body::ResponseBody,
    entrance::Entrance,
    future::ResponseFuture,
    reject::{Reject, Rejects},
    target::Target,
};
use crate::task::{Admission, LeaderHandle, NotLeader};

/// Redirects requests to the leader.
///
/// Created by [`LeaderOnlyLayer::redirect`](super::LeaderOnlyLayer::redirect).
///
/// The response is 307 (Temporary Redirect), after which the client repeats the request with the same method and body.
/// It has no body. Its headers are:
///
/// | header | value |
/// |---|---|
/// | `location` | the leader's address with its base path, followed by the request's path and query |
/// | `cache-control` | `no-store` |
/// | `noleader-reason` | `not_leader` |
///
/// A request is rejected as by [`Reject`] if:
///
/// - no leader is known, or the leader publishes no address
/// - the address is not an absolute `http` or `https` URI, or contains a user or a password
/// - the address has the same scheme, host and port as the address of this node
/// - the request has no path, as with `CONNECT` and `OPTIONS *`
/// - the request is gRPC, whose clients do not follow redirects
/// - another node has [forwarded](super::Forward) the request
///
/// The path is the one that the layer sees. A router that strips a prefix, such as axum's `nest`, does so before it
/// calls a layer inside of it. Apply the layer to the outer router, or publish an address with the prefix as its base
/// path.
#[derive(Clone, Debug)]
pub struct Redirect {
    target: Target,
    otherwise: Reject,
}

impl Redirect {
    pub(super) fn new(handle: &LeaderHandle, otherwise: Reject) -> Self {
        Self {
            target: Target::new(handle),
            otherwise,
        }
    }

    fn location<B>(&self, request: &Request<B>, not_leader: &NotLeader) -> Option<HeaderValue> {
        if Form::is_grpc(request.headers()) {
            return None;
        }
        HeaderValue::try_from(self.target.of(request, not_leader)?).ok()
    }
}

impl Sealed for Redirect {}

impl Rejects for Redirect {
    fn reject_mut(&mut self) -> &mut Reject {
        &mut self.otherwise
    }
}

impl<S, ReqBody, ResBody> FollowerAction<S, Request<ReqBody>> for Redirect
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Body,
    ResBody::Data: From<Bytes>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Future = ResponseFuture<S::Future>;

    #[inline]
    fn pass(&self, inner: &mut S, request: Request<ReqBody>) -> Self::Future {
        self.otherwise.pass(inner, request)
    }

    #[inline]
    fn admit(
        &self,
        inner: &mut S,
        request: Request<ReqBody>,
        admission: Admission,
    ) -> Self::Future {
        self.otherwise.admit(inner, request, admission)
    }

    fn refuse(
        &self,
        _: &Entrance,
        request: Request<ReqBody>,
        not_leader: NotLeader,
    ) -> Self::Future {
        ResponseFuture::refused(match self.location(&request, &not_leader) {
            Some(location) => Rejection::elsewhere(location, &not_leader),
            None => self.otherwise.answer(&request, &not_leader),
        })
    }

    fn stopped(&self, _: &LeaderHandle) -> Result<(), S::Error> {
        Ok(())
    }
}
