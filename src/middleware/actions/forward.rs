use std::{any::TypeId, fmt, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
    header::{CONTENT_LENGTH, TRANSFER_ENCODING},
};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use tower_service::Service;

use super::{FollowerAction, Handled};
use crate::{
    error::{self, BoxError},
    lease::LeaderInfo,
    middleware::{
        hold::Hold,
        http::{
            answer::{self, Form},
            body::{self, BoxBody},
            client::{Client, Erased, Sent, Timeout},
            client_info::Describing,
            failure::Failure,
            from_body::FromBody,
            hop::{is_transfer_encoded, prepare_request, remove_hop_by_hop},
            mark::{AttemptId, remove_refusals},
            target::{Target, join, requested},
            upgrade::{Upgrade, is_extended_connect, switched},
            upload::{Reader, Upload},
        },
    },
    runtime::Runtime,
    task::NotLeader,
};

/// The default time limit for HTTP requests.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// The default number of bytes of a request that are kept, to send them again.
const REPLAY_LIMIT: usize = 64 * 1024;
/// The most bytes of a refusal that are passed on.
const REFUSAL_LIMIT: usize = 64 * 1024;
/// The pauses between two attempts at one leader.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// Forwards requests to the leader, and returns the leader's responses.
///
/// Created by [`LeaderOnlyLayer::forward`](crate::LeaderOnlyLayer::forward).
///
/// Both bodies are streamed. If the client goes away, the call to the leader is cancelled.
///
/// # The forwarded request
///
/// The leader receives the request with its method, path, query, headers, body and trailers, with these changes:
///
/// - Scheme, host and port are those of the address that the leader publishes, in the URI and in `host`. The base path
///   of the address, if any, precedes the path. Dot segments are kept, so a base path does not confine clients.
/// - Hop-by-hop headers are removed: `connection` and the headers that it lists, `keep-alive`, `te` (except for
///   `trailers`), `transfer-encoding`, `upgrade`, `http2-settings`, `proxy-connection`, `proxy-authorization` and
///   `proxy-authenticate`. They are removed from the response and its trailers as well. [Upgrades](#upgrades)
///   keep their own.
/// - `content-length` is removed if it does not match the body. Several `cookie` headers are joined into one.
/// - `expect` is removed, because the server of this node answers it.
/// - `grpc-timeout` is shortened by the time that the request was held here. A value that is not valid is kept.
/// - `noleader-forwarded` is added, with the election, the number of hops, a random id of the attempt, and the shard, if
///   there are many. A node that does not lead this election, or finds
///   [another shard](crate::Reason::OtherShard), rejects such a request, and neither forwards nor redirects it. Through the gates of
///   several elections, a request takes at most four hops. The leader removes the header before the service sees the
///   request. Clients gain nothing by sending it.
///
/// - `forwarded` and `x-forwarded-*` pass unchanged, whether the client or a proxy has added them. With
///   [`client_info`](crate::LeaderOnlyLayer::client_info), they are replaced.
///
/// The path is the one that the client asked for, also inside of a nested axum router: see [`Redirect`](super::Redirect).
/// Over HTTP/1.1, hyper sends only the trailers that a `trailer` header lists.
///
/// # Requests that are not forwarded
///
/// A request is rejected as by [`Reject`](super::Reject) in the cases that [`Redirect`](super::Redirect) lists, except
/// that gRPC requests are forwarded if the client speaks HTTP/2, and gRPC-Web requests with any client. It is also
/// rejected if its method is `CONNECT`, or if its body has a transfer coding other than `chunked`.
///
/// An extended `CONNECT`, as of a WebSocket over HTTP/2, is answered with 501 while another node leads. It was not
/// executed.
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
/// # Requests that are sent again
///
/// With [`wait_up_to`](crate::LeaderOnlyLayer::wait_up_to), a request that was not executed is held again, and then sent
/// to the leader of that moment, or executed on this node if it leads by then. It was not executed if:
///
/// - the gate of the other node refused it, as it says in `noleader-refused` with the id of the attempt. A rejection that
///   a handler returns is no such refusal.
/// - or no connection was established, as in the first row above.
///
/// What was read of the body is kept for this, up to a [limit](crate::LeaderOnlyLayer::replay_limit). Once more was read
/// than fits, the request is not sent again. Between two attempts, the node pauses for 5 ms, then for
/// twice as long each time, up to 250 ms. A change of the election ends a pause.
///
/// # Upgrades
///
/// An upgrade over HTTP/1.1, as of a WebSocket, is forwarded with `connection: upgrade` and `upgrade`. If the leader
/// responds with 101, the two connections are joined into a tunnel. Any other response is passed on.
///
/// - Both the client and the server of this node have to support upgrades over HTTP/1.1. axum's server and hyper-util's
///   client do. If the client does not, the response is a 502 with the reason `lost`.
/// - A request with a body or without `connection: upgrade` is forwarded as an ordinary request. So is an upgrade to
///   `h2c`, through which clients would reach the leader without this gate.
/// - A 101 is passed on only if the request asked for its protocol.
/// - The tunnel passes on when either side stops sending, and ends when both have, or when a connection breaks.
/// - The tunnel is no admission of this node, and no hand-over or shutdown of this node waits for it. It ends when the
///   leader's handler ends the connection, which it should do when [`Term::closing`](crate::Term::closing) is
///   cancelled.
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
pub struct Forward {
    client: Arc<dyn Client>,
    target: Target,
    runtime: Runtime,
    time_limit: TimeLimit,
    replay_limit: usize,
    describing: Describing,
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
            (Self::Default, form) if form.is_grpc() => None,
            (Self::Default, _) => Some(TIME_LIMIT),
        }
    }
}

/// An attempt in progress. It holds no part of the request, so that the futures that await it are small.
enum Begun {
    Sent {
        sent: Sent,
        id: AttemptId,
        form: Form,
        upgrade: Option<Upgrade>,
    },
    NotSent(Response<BoxBody>),
}

/// The outcome of one attempt.
enum Attempt {
    Answered(Response<BoxBody>),
    /// The request was not executed, and may be sent again. The response is for the case that it is not.
    NotExecuted(Response<BoxBody>),
}

impl Forward {
    pub(in crate::middleware) fn new<C, B, R>(client: C, target: Target, runtime: &Runtime) -> Self
    where
        C: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
        C::Error: Into<BoxError>,
        C::Future: Send,
        B: FromBody,
        R: Body<Error: Into<BoxError>> + Send + 'static,
    {
        Self {
            client: Arc::new(Erased::new(client)),
            target,
            runtime: runtime.clone(),
            time_limit: TimeLimit::Default,
            replay_limit: REPLAY_LIMIT,
            describing: Describing::default(),
        }
    }

    pub(in crate::middleware) fn set_time_limit(&mut self, time_limit: Duration) {
        self.time_limit = TimeLimit::Set(time_limit);
    }

    pub(in crate::middleware) fn set_replay_limit(&mut self, bytes: usize) {
        self.replay_limit = bytes;
    }

    pub(in crate::middleware) fn describe_clients(&mut self, describing: Describing) {
        self.describing = describing;
    }

    /// Begins to send a request, if it can be sent.
    fn begin(
        &self,
        base: Option<&Uri>,
        request: Request<Reader>,
        not_leader: &NotLeader,
        holds_for: Duration,
    ) -> Begun {
        // First, because `connection` may list the content type, which is then removed.
        let form = Form::of(&request);
        let (parts, body) = request.into_parts();
        let client = self.describing.describe(&parts);
        let mut request = Request::from_parts(parts, body);
        let upgrade = Upgrade::take_from(&mut request);
        if base.is_some() && is_extended_connect(&request) {
            let response = answer::not_forwarded(form, "an extended CONNECT", not_leader);
            return Begun::NotSent(boxed(response));
        }
        let id = self.runtime.random.seed();
        let id = base.and_then(|base| {
            send_to(base, &mut request)?;
            let marking = self.target.marking();
            marking.mark(&mut request, not_leader.shard(), id, holds_for)
        });
        let Some(id) = id else {
            return Begun::NotSent(boxed(answer::rejection(form, not_leader)));
        };
        if let Some(upgrade) = &upgrade {
            upgrade.insert_into(request.headers_mut());
        }
        if let Some(client) = client {
            client.insert_into(request.headers_mut());
        }
        Begun::Sent {
            sent: self.client.send(request, self.timeout(form)),
            id,
            form,
            upgrade,
        }
    }

    async fn finish(&self, begun: Begun, not_leader: &NotLeader) -> Attempt {
        let (sent, id, form, upgrade) = match begun {
            Begun::Sent {
                sent,
                id,
                form,
                upgrade,
            } => (sent, id, form, upgrade),
            Begun::NotSent(response) => return Attempt::Answered(response),
        };
        let sent = sent.await;
        let is_refused = |response: &Response<_>| id.is_refused_by(response.headers());
        let is_refused = sent.as_ref().is_ok_and(is_refused);
        match sent.and_then(|response| self.passed_on(response, upgrade)) {
            Ok(mut response) if is_refused => {
                remove_refusals(response.headers_mut());
                Attempt::NotExecuted(response)
            }
            Ok(response) => Attempt::Answered(response),
            Err(failure) => {
                warn(&failure, not_leader);
                let response = boxed(answer::failed(form, &failure, not_leader));
                match failure {
                    Failure::Unreachable(_) => Attempt::NotExecuted(response),
                    Failure::Broken(_) | Failure::Upgrade(_) | Failure::TooSlow => {
                        Attempt::Answered(response)
                    }
                }
            }
        }
    }

    /// Makes the leader's response one to the client, and joins their connections if it is a 101.
    fn passed_on(
        &self,
        response: Response<BoxBody>,
        upgrade: Option<Upgrade>,
    ) -> Result<Response<BoxBody>, Failure> {
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Ok(passed_on(response));
        }
        let (response, tunnel) = switched(response, upgrade)?;
        self.runtime.spawner.spawn(tunnel.run());
        Ok(response)
    }

    fn timeout(&self, form: Form) -> Timeout {
        Timeout {
            clock: self.runtime.clock.clone(),
            limit: self.time_limit.of(form),
        }
    }

    /// Sends a request again until it was executed, this node leads, or the hold is over.
    async fn persist<B>(
        &self,
        request: Request<Upload<B>>,
        mut not_leader: NotLeader,
        hold: &mut Hold,
    ) -> Handled<B, BoxBody>
    where
        B: Body<Error: Into<BoxError>> + Send + 'static,
    {
        let form = Form::of(&request);
        let (parts, upload) = request.into_parts();
        upload.keep(self.replay_limit);
        let mut body = upload.read();
        let mut base = self.target.of(&parts.headers, &not_leader).cloned();
        let mut pause = FIRST_PAUSE;
        loop {
            let mut request = Request::from_parts(parts.clone(), body);
            hold.shorten_timeout(request.headers_mut());
            let holds_for = hold.left();
            let begun = self.begin(base.as_ref(), request, &not_leader, holds_for);
            let response = match self.finish(begun, &not_leader).await {
                Attempt::Answered(response) => return Handled::Answered(response),
                Attempt::NotExecuted(response) => received(response, form, &not_leader, hold).await,
            };
            body = match upload.read_again() {
                Some(body) => body,
                None => return Handled::Answered(response),
            };
            let decided = match hold.pause(pause).await {
                true => Some(hold.decided().await),
                false => None,
            };
            if hold.is_late() {
                return Handled::Answered(boxed(answer::too_late(form, &not_leader)));
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
            base = match decided {
                None => return Handled::Answered(response),
                Some(Ok(_)) => match self.own_body(&upload, body) {
                    Ok(body) => return Handled::Leads(Request::from_parts(parts, body)),
                    // The gated service takes no body that could be made here. The server of this node does.
                    Err(reader) => {
                        body = reader;
                        not_leader = hold.not_leader();
                        self.target.own().cloned()
                    }
                },
                Some(Err(decided)) => {
                    not_leader = decided;
                    self.target.of(&parts.headers, &not_leader).cloned()
                }
            };
        }
    }

    /// The body for the gated service: the one that came in if nothing was read of it, or else one of the client's type
    /// if the service takes it.
    fn own_body<B>(&self, upload: &Upload<B>, reader: Reader) -> Result<B, Reader>
    where
        B: Body<Error: Into<BoxError>> + Send + 'static,
    {
        if let Some(body) = upload.take() {
            return Ok(body);
        }
        if self.client.body_type() != TypeId::of::<B>() {
            return Err(reader);
        }
        match self.client.body(reader).downcast() {
            Ok(body) => Ok(*body),
            Err(_) => unreachable!("the types are the same"),
        }
    }
}

impl<B> FollowerAction<B> for Forward
where
    B: Body<Error: Into<BoxError>> + Send + 'static,
{
    type Body = BoxBody;

    async fn respond(&self, request: Request<B>, not_leader: NotLeader) -> Response<BoxBody> {
        let request = request.map(|body| Upload::new(body));
        self.answer(request, not_leader).await
    }

    fn answer(
        &self,
        request: Request<Upload<B>>,
        not_leader: NotLeader,
    ) -> impl Future<Output = Response<BoxBody>> + Send {
        let base = self.target.of(request.headers(), &not_leader);
        let request = request.map(|upload| upload.read());
        let begun = self.begin(base, request, &not_leader, Duration::MAX);
        async move {
            match self.finish(begun, &not_leader).await {
                Attempt::Answered(response) | Attempt::NotExecuted(response) => response,
            }
        }
    }

    async fn handle(
        &self,
        request: Request<Upload<B>>,
        not_leader: NotLeader,
        hold: &mut Hold,
    ) -> Handled<B, BoxBody> {
        self.persist(request, not_leader, hold).await
    }
}

/// Addresses a request to the server at `base`. None if it cannot be forwarded.
fn send_to<B: Body>(base: &Uri, request: &mut Request<B>) -> Option<()> {
    if request.method() == Method::CONNECT || is_transfer_encoded(request.headers()) {
        return None;
    }
    let uri = join(base, requested(request))?;
    let authority = HeaderValue::from_str(uri.authority()?.as_str()).ok()?;
    let size = request.body().size_hint();
    prepare_request(request.headers_mut(), authority, &size);
    keep_body(request);
    *request.uri_mut() = uri;
    // The client chooses the version of its own connection.
    *request.version_mut() = Version::default();
    Some(())
}

/// Announces a body of unknown length. Without that, hyper's HTTP/1.1 client leaves it out of a `GET` or a `HEAD`.
fn keep_body<B: Body>(request: &mut Request<B>) {
    let is_known = request.body().is_end_stream() || request.body().size_hint().exact().is_some();
    let is_left_out = matches!(*request.method(), Method::GET | Method::HEAD);
    if is_left_out && !is_known && !request.headers().contains_key(CONTENT_LENGTH) {
        let chunked = HeaderValue::from_static("chunked");
        request.headers_mut().insert(TRANSFER_ENCODING, chunked);
    }
}

fn passed_on(mut response: Response<BoxBody>) -> Response<BoxBody> {
    remove_hop_by_hop(response.headers_mut());
    // This node's server chooses the version of its own connection.
    *response.version_mut() = Version::default();
    response
}

/// The whole of a refusal. The rest of it is lost once the body of the request is read again, which ends the attempt.
async fn received(
    response: Response<BoxBody>,
    form: Form,
    not_leader: &NotLeader,
    hold: &mut Hold,
) -> Response<BoxBody> {
    let (parts, body) = response.into_parts();
    // Boxed, because rustc does not see that `Limited` is `Send` within the future of a trait's method.
    let whole: Pin<Box<dyn Future<Output = _> + Send>> =
        Box::pin(Limited::new(body, REFUSAL_LIMIT).collect());
    let whole = tokio::select! {
        biased;
        whole = whole => whole.ok(),
        () = hold.over() => None,
    };
    match whole {
        Some(whole) => Response::from_parts(parts, body::boxed(whole)),
        None => boxed(answer::rejection(form, not_leader)),
    }
}

fn boxed(response: Response<Bytes>) -> Response<BoxBody> {
    response.map(body::text)
}

fn warn(failure: &Failure, not_leader: &NotLeader) {
    let leader = not_leader.leader();
    tracing::warn!(
        leader = leader.map(LeaderInfo::id),
        address = leader.and_then(LeaderInfo::address),
        error = failure.source().map(|error| error::line(error)),
        "{failure}",
    );
}

impl fmt::Debug for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forward")
            .field("time_limit", &self.time_limit)
            .field("replay_limit", &self.replay_limit)
            .field("describing", &self.describing)
            .finish_non_exhaustive()
    }
}
