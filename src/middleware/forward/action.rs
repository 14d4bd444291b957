use std::{any::type_name, fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, Uri, Version};
use http_body::Body;
use tower_service::Service;

use super::{
    body::ForwardBody,
    call::Call,
    future::{ForwardFuture, Otherwise},
    hop::{is_transfer_encoded, prepare_request},
};
use crate::{
    error::BoxError,
    middleware::{
        action::{FollowerAction, sealed::Sealed},
        answer::Form,
        entrance::Entrance,
        future::ResponseFuture,
        reject::{Reject, Rejects},
        target::Target,
    },
    task::{Admission, LeaderHandle, NotLeader},
};

/// The default time limit for HTTP requests.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Forwards requests to the leader, and returns the leader's responses.
///
/// Created by [`LeaderOnlyLayer::forward`](crate::LeaderOnlyLayer::forward).
///
/// Neither body is buffered. If the client goes away, the call to the leader is cancelled.
///
/// # The forwarded request
///
/// The leader receives the request with its method, path, query, headers, body and trailers, with these changes:
///
/// - Scheme, host and port are those of the address that the leader publishes, in the URI and in `host`. The base path
///   of the address, if any, precedes the path. Dot segments are kept, so a base path does not confine clients.
/// - Hop-by-hop headers are removed: `connection` and the headers that it lists, `keep-alive`, `te` (except for
///   `trailers`), `transfer-encoding`, `upgrade`, `http2-settings`, `proxy-connection`, `proxy-authorization` and
///   `proxy-authenticate`. They are removed from the response and its trailers as well. Without `upgrade`, a request
///   for another protocol, such as WebSocket, becomes an ordinary request.
/// - `content-length` is removed if it does not match the body. Several `cookie` headers are joined into one.
/// - `noleader-forwarded` is added. A node that does not lead rejects a request with this header, and neither forwards
///   nor redirects it, so that a request takes at most one hop. The leader ignores the header, so clients gain nothing
///   by sending it.
///
/// The path is the one that the layer sees, as with [`Redirect`](crate::middleware::Redirect).
///
/// - The handler receives `noleader-forwarded`. If it copies its request's headers to another gated service, it has to
///   remove this header; otherwise a follower of that service rejects the request instead of forwarding it.
/// - No header names the client or the host that it asked for. A layer around this one may add `x-forwarded-for` and
///   similar headers.
/// - Over HTTP/1.1, hyper sends only the trailers that a `trailer` header lists.
///
/// # Requests that are not forwarded
///
/// A request is rejected as by [`Reject`] in the cases that [`Redirect`](crate::middleware::Redirect) lists, except
/// that gRPC requests are forwarded if the client speaks HTTP/2. It is also rejected if its method is `CONNECT`, or if
/// its body has a transfer coding other than `chunked`.
///
/// If the leader does not respond:
///
/// | failure | HTTP | gRPC | `noleader-reason` | executed? |
/// |---|---|---|---|---|
/// | connection refused, no route, or client not ready in time | 502 | 14 `UNAVAILABLE` | `unreachable` | no |
/// | any other error | 502 | 10 `ABORTED` | `lost` | maybe |
/// | no response in time | 504 | 4 `DEADLINE_EXCEEDED` | `timeout` | maybe |
///
/// The first row requires a client that does not repeat requests by itself. If the connection breaks during the
/// response body, the body ends with an error.
///
/// # HTTP/2
///
/// An HTTP/1.1 client uses one connection to the leader per request in progress. An HTTP/2 client, which gRPC needs,
/// sends all requests over one connection, on which clients of this node can block each other:
///
/// - **By not reading responses.** Each unread response fills its stream's window, which counts against the
///   connection's window. With hyper's defaults, 2 and 5 MiB, a few such clients block all others. Set a small
///   `http2_initial_stream_window_size` and a large `http2_initial_connection_window_size` on the client. Set the same
///   on the leader's server, for handlers that do not read request bodies.
/// - **By sending large headers.** Headers that exceed `max_header_list_size` of the leader's server, 16 KiB with hyper
///   and tonic, may end the connection. Set it above what the followers' servers accept, about 400 KiB with hyper over
///   HTTP/1.1.
#[derive(Clone)]
pub struct Forward<C> {
    client: C,
    target: Target,
    time_limit: TimeLimit,
    otherwise: Reject,
}

#[derive(Clone, Copy, Debug)]
enum TimeLimit {
    Default,
    Set(Duration),
}

impl TimeLimit {
    fn of(self, form: Form) -> Option<Duration> {
        match (self, form) {
            (Self::Set(limit), _) => Some(limit),
            // gRPC clients set deadlines, and may stream for hours before the response starts.
            (Self::Default, Form::Grpc) => None,
            (Self::Default, Form::Text | Form::Head) => Some(TIME_LIMIT),
        }
    }
}

impl<C> Forward<C> {
    pub(in crate::middleware) fn new(client: C, handle: &LeaderHandle, otherwise: Reject) -> Self {
        Self {
            client,
            target: Target::new(handle),
            time_limit: TimeLimit::Default,
            otherwise,
        }
    }

    fn uri<B>(&self, request: &Request<B>, not_leader: &NotLeader) -> Option<Uri> {
        if request.method() == Method::CONNECT || is_transfer_encoded(request.headers()) {
            return None;
        }
        Uri::try_from(self.target.of(request, not_leader)?).ok()
    }
}

fn send_to<B: Body>(uri: Uri, request: &mut Request<B>) -> Option<()> {
    let authority = HeaderValue::from_str(uri.authority()?.as_str()).ok()?;
    let size = request.body().size_hint();
    prepare_request(request.headers_mut(), &authority, &size);
    *request.uri_mut() = uri;
    // The client chooses the version of its own connection.
    *request.version_mut() = Version::default();
    Some(())
}

impl<C> Sealed for Forward<C> {}

impl<C> Rejects for Forward<C> {
    fn reject_mut(&mut self) -> &mut Reject {
        &mut self.otherwise
    }
}

/// A follower action that forwards, so that [`forward_timeout`](crate::LeaderOnlyLayer::forward_timeout) applies to it.
///
/// This trait is sealed.
pub trait Forwards: Sealed {
    #[doc(hidden)]
    fn set_time_limit(&mut self, time_limit: Duration);
}

impl<C> Forwards for Forward<C> {
    fn set_time_limit(&mut self, time_limit: Duration) {
        self.time_limit = TimeLimit::Set(time_limit);
    }
}

impl<C, S, ReqBody, ResBody, R> FollowerAction<S, Request<ReqBody>> for Forward<C>
where
    C: Service<Request<ReqBody>, Response = Response<R>> + Clone,
    C::Error: Into<BoxError>,
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ReqBody: Body,
    ResBody: Body,
    ResBody::Data: From<Bytes>,
{
    type Response = Response<ForwardBody<ResBody, R>>;
    type Future = ForwardFuture<S::Future, C, ReqBody>;

    #[inline]
    fn pass(&self, inner: &mut S, request: Request<ReqBody>) -> Self::Future {
        ForwardFuture::here(self.otherwise.pass(inner, request))
    }

    #[inline]
    fn admit(
        &self,
        inner: &mut S,
        request: Request<ReqBody>,
        admission: Admission,
    ) -> Self::Future {
        ForwardFuture::here(self.otherwise.admit(inner, request, admission))
    }

    fn refuse(
        &self,
        entrance: &Entrance,
        mut request: Request<ReqBody>,
        not_leader: NotLeader,
    ) -> Self::Future {
        // First, because `connection` may list the content type, which `send_to` then removes.
        let form = Form::of(&request);
        let uri = self.uri(&request, &not_leader);
        if uri.and_then(|uri| send_to(uri, &mut request)).is_none() {
            let rejection = self.otherwise.answer(&request, &not_leader);
            return ForwardFuture::here(ResponseFuture::refused(rejection));
        }
        let clock = entrance.handle().clock().clone();
        let time_limit = self.time_limit.of(form).map(|limit| (clock, limit));
        let call = Call::new(self.client.clone(), request, time_limit);
        let otherwise = Otherwise {
            form,
            reject: self.otherwise.clone(),
            not_leader,
        };
        ForwardFuture::of_leader(call, otherwise)
    }

    fn stopped(&self, _: &LeaderHandle) -> Result<(), S::Error> {
        Ok(())
    }
}

impl<C> fmt::Debug for Forward<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forward")
            .field("client", &type_name::<C>())
            .field("time_limit", &self.time_limit)
            .finish_non_exhaustive()
    }
}
