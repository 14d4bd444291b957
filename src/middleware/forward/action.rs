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
        future::ResponseFuture,
        reject::{Reject, Rejects},
        target::Target,
    },
    task::{Admission, LeaderHandle, NotLeader},
};

/// How long the leader may take to answer an HTTP request, unless set otherwise.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// While the gate is shut a request is sent on to the leader, and its answer sent back, from
/// [`LeaderOnlyLayer::forward`](crate::LeaderOnlyLayer::forward).
///
/// What the leader gets is the request with its method, path, query, headers, body and trailers, with these
/// changes:
/// - scheme, host and port are those of the address that the leader publishes, in the URI and in `host`; its
///   base path, if it has one, comes before the path. Dot segments are kept, so that a base path does not
///   keep clients below it;
/// - what concerns one connection is dropped: `connection` and what it lists, `keep-alive`, `te` (but for
///   `trailers`), `transfer-encoding`, `upgrade`, `http2-settings`, `proxy-connection`, `proxy-authorization`
///   and `proxy-authenticate`. The same goes for the response and its trailers;
/// - `content-length` is dropped where it is not that of the body; split `cookie` lines are joined;
/// - `noleader-forwarded` is added. A request that has it is not sent on, nor redirected, by any node: where
///   the node that it reaches does not lead, it is rejected. So a request takes one hop at the most. It says
///   nothing to a gate that is open, so that a client gains nothing by it.
///
/// `noleader-forwarded` reaches the handler. One that passes its headers on to another gated service leaves it
/// out, or a follower there rejects what it would have forwarded.
///
/// Nothing tells the leader who the client is, or which host it asked for: a layer around this one may add
/// `x-forwarded-for` and the like. Over HTTP/1.1 hyper sends those trailers that a `trailer` line names.
///
/// Neither body is buffered. When the client goes away, the call of the leader is given up.
///
/// A request is rejected as [`Reject`] does it where [`redirect`](crate::LeaderOnlyLayer::redirect) rejects,
/// save that gRPC is forwarded, over a client that speaks HTTP/2. So is one whose method is `CONNECT`, and one
/// whose body has a transfer coding besides `chunked`. A wish for another protocol, such as WebSocket, is
/// dropped with `upgrade`. If the leader does not answer:
///
/// | | HTTP | gRPC | `noleader-reason` | was the request executed? |
/// |---|---|---|---|---|
/// | connection refused, or no route; or the client not ready in time | 502 | 14 `UNAVAILABLE` | `unreachable` | no; it may be repeated |
/// | any other error | 502 | 10 `ABORTED` | `lost` | maybe |
/// | no answer in time | 504 | 4 `DEADLINE_EXCEEDED` | `timeout` | maybe |
///
/// The first row is true of a client that does not repeat requests by itself. A connection that breaks within
/// the response body ends it with an error.
///
/// The path is that of the request as the layer sees it, as with [`Redirect`](crate::middleware::Redirect).
///
/// # Over HTTP/2
///
/// A client of HTTP/1.1 has a connection to the leader for each request. One of HTTP/2, which gRPC needs,
/// sends all of them over one, so that who asks can be in the way of others:
/// - By not reading answers. Each may fill its stream's window out of the connection's, and with hyper's
///   (2 and 5 MiB) a few such clients stop everybody. Give the client a small
///   `http2_initial_stream_window_size` and a large `http2_initial_connection_window_size`, and so the
///   leader's server, for handlers that do not read.
/// - By headers larger than `max_header_list_size` of the leader's server, 16 KiB with hyper and tonic, which
///   may end the connection. Let it be more than the followers' servers accept: hyper's some 400 KiB over
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
            // Its clients set the deadline, and a client may stream for hours before the answer begins.
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

    /// Where the leader serves the request, if it can be sent there.
    fn uri<B>(&self, request: &Request<B>, not_leader: &NotLeader) -> Option<Uri> {
        if request.method() == Method::CONNECT || is_transfer_encoded(request.headers()) {
            return None;
        }
        Uri::try_from(self.target.of(request, not_leader)?).ok()
    }
}

/// Makes a request that came in here one that goes to `uri`.
fn send_to<B: Body>(uri: Uri, request: &mut Request<B>) -> Option<()> {
    let authority = HeaderValue::from_str(uri.authority()?.as_str()).ok()?;
    let size = request.body().size_hint();
    prepare_request(request.headers_mut(), &authority, &size);
    *request.uri_mut() = uri;
    // That of the connection to the leader is for the client to choose.
    *request.version_mut() = Version::default();
    Some(())
}

impl<C> Sealed for Forward<C> {}

impl<C> Rejects for Forward<C> {
    fn reject_mut(&mut self) -> &mut Reject {
        &mut self.otherwise
    }
}

/// An action that forwards, so that [`forward_timeout`](crate::LeaderOnlyLayer::forward_timeout) applies to
/// it.
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

    fn refuse(&self, mut request: Request<ReqBody>, not_leader: NotLeader) -> Self::Future {
        // Before a client's `connection` line may take the content type away.
        let form = Form::of(&request);
        let uri = self.uri(&request, &not_leader);
        if uri.and_then(|uri| send_to(uri, &mut request)).is_none() {
            let rejection = self.otherwise.answer(&request, &not_leader);
            return ForwardFuture::here(ResponseFuture::refused(rejection));
        }
        let call = Call::new(self.client.clone(), request, self.time_limit.of(form));
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
