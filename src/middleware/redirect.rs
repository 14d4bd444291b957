use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    action::{FollowerAction, sealed::Sealed},
    answer::{Form, Rejection},
    body::ResponseBody,
    future::ResponseFuture,
    reject::{Reject, Rejects},
    target::Target,
};
use crate::task::{Admission, LeaderHandle, NotLeader};

/// While the gate is shut a request is sent to the leader, from
/// [`LeaderOnlyLayer::redirect`](super::LeaderOnlyLayer::redirect).
///
/// The answer is 307 (Temporary Redirect), with which a client repeats the method and the body. `location`
/// is the address that the leader publishes, followed by the request's path and query; the base path of
/// the address, if it has one, comes first. `cache-control` is `no-store`, `noleader-reason` is
/// `not_leader`, and there is no body.
///
/// A request is rejected as [`Reject`] does it
/// - if no leader is known, or it publishes no address;
/// - if the address is not an absolute `http` or `https` URI, or has a user or a password in it;
/// - if the address has the scheme, host and port of the one that this node publishes;
/// - if the request has no path, as that of `CONNECT` and `OPTIONS *`;
/// - if the request is gRPC, as its clients do not follow redirects;
/// - if another node has [forwarded](super::Forward) it here.
///
/// The path is that of the request as the layer sees it. A router that strips a prefix, such as axum's
/// `nest`, has done so before a layer inside of it is called: put the layer around the outer router, or
/// publish an address with the prefix as its base path.
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

    /// Where the leader serves what was asked for here, if a client may be sent there.
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

    fn refuse(&self, request: Request<ReqBody>, not_leader: NotLeader) -> Self::Future {
        ResponseFuture::refused(match self.location(&request, &not_leader) {
            Some(location) => Rejection::elsewhere(location, &not_leader),
            None => self.otherwise.answer(&request, &not_leader),
        })
    }

    fn stopped(&self, _: &LeaderHandle) -> Result<(), S::Error> {
        Ok(())
    }
}
