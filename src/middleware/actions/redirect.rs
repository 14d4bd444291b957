use std::future::{Future, ready};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use http_body_util::Full;

use super::FollowerAction;
use crate::{
    error::BoxError,
    middleware::http::{
        answer::{self, Form},
        target::{Target, join, requested},
        upload::Upload,
    },
    task::NotLeader,
};

/// Redirects requests to the leader.
///
/// Created by [`LeaderOnlyLayer::redirect`](crate::LeaderOnlyLayer::redirect).
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
/// A request is rejected as by [`Reject`](super::Reject) if:
///
/// - no leader is known, the leader publishes no address, or the request has [no key](crate::Reason::NoKey)
/// - the address is not an absolute `http` or `https` URI, or contains a user or a password
/// - the address has the same scheme, host and port as the address of this node
/// - the address and the request's path and query have more than 65,534 bytes together, the limit of [`http::Uri`]
/// - the request has no path, as with `CONNECT` and `OPTIONS *`
/// - the request is gRPC or gRPC-Web, whose clients do not follow redirects
/// - a gate of the same election on another node has [forwarded](super::Forward) the request
///
/// Upgrades are redirected as any other request. Browsers and most WebSocket libraries do not follow: they report that
/// the connection failed.
///
/// The path is the one that the client asked for. With feature `axum`, this also holds inside of a nested axum router,
/// which strips a prefix: the layer reads axum's `OriginalUri`. Without it, and with any other router that strips a
/// prefix, apply the layer outside of the router.
#[derive(Clone, Debug)]
pub struct Redirect {
    target: Target,
}

impl Redirect {
    pub(in crate::middleware) fn new(target: Target) -> Self {
        Self { target }
    }

    fn location<B>(&self, request: &Request<B>, not_leader: &NotLeader) -> Option<HeaderValue> {
        if Form::of(request).is_grpc() {
            return None;
        }
        let base = self.target.of(request.headers(), not_leader)?;
        let location = join(base, requested(request))?;
        HeaderValue::try_from(location.to_string()).ok()
    }
}

impl<B: Send + 'static> FollowerAction<B> for Redirect {
    type Body = Full<Bytes>;

    fn respond(
        &self,
        request: Request<B>,
        not_leader: NotLeader,
    ) -> impl Future<Output = Response<Full<Bytes>>> {
        let response = match self.location(&request, &not_leader) {
            Some(location) => answer::elsewhere(location, &not_leader),
            None => answer::rejection(Form::of(&request), &not_leader),
        };
        ready(response.map(Full::new))
    }

    fn answer(
        &self,
        request: Request<Upload<B>>,
        not_leader: NotLeader,
    ) -> impl Future<Output = Response<Full<Bytes>>>
    where
        B: Body<Error: Into<BoxError>> + Send + 'static,
    {
        self.respond(request, not_leader)
    }
}
