use std::time::Duration;

use http::{Request, Response, request::Parts};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::{
    actions::{Forward, IntoAnswer, Redirect, Reject, RejectWith},
    fail::FailLayer,
    gate::Gate,
    http::{
        client_info::{ClientInfo, Describing},
        from_body::FromBody,
        linger::Linger,
        target::Target,
    },
    matcher::{EveryRequest, NotReady, When, WritesOnly},
    service::{LeaderOnly, Settings},
};
use crate::{
    error::BoxError,
    task::{LeaderHandle, NotLeader},
};

/// A [`Layer`] that admits requests while this node leads.
///
/// The service has to be `Clone`: a request that is held keeps the service that is ready, and a clone takes its place.
/// The data type of its response bodies has to implement `From<Bytes>`, as with the bodies of axum, tonic and hyper. The
/// response body of the layer is a [`ResponseBody`](super::ResponseBody).
///
/// While this node does not lead, the follower action `A` handles each gated request. The matcher `M` decides which
/// requests are gated. All other requests reach the service on every node.
///
/// ```
/// use noleader::{LeaderHandle, LeaderOnlyLayer};
/// use tower::ServiceBuilder;
///
/// # fn example<S>(leader: LeaderHandle, orders: S) {
/// let service = ServiceBuilder::new()
///     .layer(LeaderOnlyLayer::new(leader).writes_only())
///     .service(orders);
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is applied to a service"]
pub struct LeaderOnlyLayer<A = Reject, M = EveryRequest> {
    gate: Gate<M>,
    action: A,
    settings: Settings,
}

impl LeaderOnlyLayer {
    /// Creates a layer that gates every request, and rejects it with a response while this node does not lead.
    ///
    /// The response is a 503 over HTTP and `UNAVAILABLE` over gRPC; see [`Reject`]. The error type of the service does
    /// not change.
    pub fn new(handle: LeaderHandle) -> Self {
        Self {
            settings: Settings {
                target: Target::new(&handle),
                linger: Linger::new(&handle),
                cancel_on_loss: false,
                reveal_leader: false,
            },
            gate: Gate::new(handle),
            action: Reject,
        }
    }
}

impl<M> LeaderOnlyLayer<Reject, M> {
    /// Redirects HTTP requests to the address that the leader publishes, with a 307 that keeps path and query.
    ///
    /// A request that cannot be redirected, such as a gRPC request, is rejected; see [`Redirect`].
    ///
    /// ```
    /// use axum::{Router, routing::post};
    /// use noleader::{LeaderHandle, LeaderOnlyLayer};
    ///
    /// # fn example(leader: LeaderHandle) -> Router {
    /// Router::new()
    ///     .route("/orders", post(|| async { "created" }))
    ///     .layer(LeaderOnlyLayer::new(leader).redirect())
    /// # }
    /// ```
    pub fn redirect(self) -> LeaderOnlyLayer<Redirect, M> {
        let redirect = Redirect::new(self.settings.target.clone());
        self.action(redirect)
    }

    /// Forwards requests to the address that the leader publishes, and returns the leader's responses.
    ///
    /// A request that cannot be forwarded is rejected; see [`Forward`].
    ///
    /// With [`wait_up_to`](Self::wait_up_to), a request that the leader did not execute is sent again, or executed here.
    /// A step-down is then a delay for clients and not an error.
    ///
    /// The client is a tower service for HTTP requests, such as hyper-util's `Client`, and is cloned for each request:
    ///
    /// - Its request body can be made from another body; see [`FromBody`](super::FromBody). The bodies of axum and tonic
    ///   need the feature of that name. Use the type of the gated service's request bodies if possible: a request that is
    ///   executed here after all then takes no further hop.
    /// - It has to connect to the host in the request's URI. tonic's `Channel` does not; use hyper-util's client with
    ///   `http2_only(true)` for gRPC.
    /// - Timeouts for connecting, connection pools and keep-alives are settings of the client. Set a connect timeout: a
    ///   host that has vanished does not refuse connections.
    /// - [`Forward`] lists further settings for HTTP/2.
    ///
    /// # Panics
    ///
    /// The future of a forwarded request panics if it is polled outside of a Tokio runtime with time enabled.
    ///
    /// ```
    /// use std::time::Duration;
    /// use axum::{Router, body::Body, routing::post};
    /// use hyper_util::{
    ///     client::legacy::{Client, connect::HttpConnector},
    ///     rt::TokioExecutor,
    /// };
    /// use noleader::{LeaderHandle, LeaderOnlyLayer};
    ///
    /// # fn example(leader: LeaderHandle) -> Router {
    /// let mut connector = HttpConnector::new();
    /// connector.set_connect_timeout(Some(Duration::from_secs(2)));
    /// let client = Client::builder(TokioExecutor::new()).build::<_, Body>(connector);
    /// Router::new()
    ///     .route("/orders", post(|| async { "created" }))
    ///     .layer(LeaderOnlyLayer::new(leader).forward(client))
    /// # }
    /// ```
    pub fn forward<C, B, R>(self, client: C) -> LeaderOnlyLayer<Forward, M>
    where
        C: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
        C::Error: Into<BoxError>,
        C::Future: Send,
        B: FromBody,
        R: Body<Error: Into<BoxError>> + Send + 'static,
    {
        let forward = Forward::new(client, self.settings.target.clone(), self.gate.handle());
        self.action(forward)
    }

    /// Rejects requests with the response that a closure returns.
    ///
    /// The closure receives the reason and the request, HTTP or gRPC, and may be async. Its request parameter needs a
    /// type annotation even if it is not used. The response may have a body of any type.
    ///
    /// The request was not executed. Return a status that says so, such as 503, and name the leader's address only to
    /// clients that may know it. If another node has forwarded the request, it may send it again after any status but a
    /// 2xx, or over gRPC any but `OK`, so the closure must have no other effect; otherwise use [`action`](Self::action).
    ///
    /// ```
    /// use axum::{Json, body::Body, response::IntoResponse};
    /// use http::{Request, StatusCode};
    /// use noleader::{LeaderHandle, LeaderOnlyLayer, NotLeader};
    ///
    /// # fn example(leader: LeaderHandle) {
    /// let layer = LeaderOnlyLayer::new(leader).reject_with(
    ///     |not_leader: NotLeader, request: Request<Body>| {
    ///         let text = format!("{} was not executed: {not_leader}", request.method());
    ///         (StatusCode::SERVICE_UNAVAILABLE, Json(text)).into_response()
    ///     },
    /// );
    /// # axum::Router::<()>::new().layer(layer);
    /// # }
    /// ```
    pub fn reject_with<F, B, R, Kind>(self, answer: F) -> LeaderOnlyLayer<RejectWith<B>, M>
    where
        F: Fn(NotLeader, Request<B>) -> R + Send + Sync + 'static,
        R: IntoAnswer<Kind>,
    {
        self.action(RejectWith::new(answer))
    }

    /// Handles requests with an action of your own; see [`FollowerAction`](super::FollowerAction).
    pub fn action<A>(self, action: A) -> LeaderOnlyLayer<A, M> {
        LeaderOnlyLayer {
            gate: self.gate,
            action,
            settings: self.settings,
        }
    }

    /// Fails requests with an error instead of a response.
    ///
    /// This works for any service, HTTP or not, whose error type implements `From<`[`NotLeader`](crate::NotLeader)`>`.
    /// See [`FailLayer`] for its limits.
    ///
    /// ```
    /// use noleader::{LeaderHandle, LeaderOnlyLayer, NotLeader};
    /// use tower::{BoxError, ServiceBuilder, service_fn};
    ///
    /// # fn example(leader: LeaderHandle) {
    /// let service = ServiceBuilder::new()
    ///     .layer(LeaderOnlyLayer::new(leader).fail())
    ///     .service(service_fn(|order: u64| async move { Ok::<_, BoxError>(order + 1) }));
    /// # }
    /// ```
    pub fn fail(self) -> FailLayer<M> {
        let Settings {
            cancel_on_loss,
            reveal_leader,
            ..
        } = self.settings;
        if cancel_on_loss || reveal_leader {
            tracing::warn!(
                cancel_on_loss,
                reveal_leader,
                "these settings have no effect with `fail`, whose responses may be of any type",
            );
        }
        FailLayer::new(self.gate)
    }
}

impl<A, M> LeaderOnlyLayer<A, M> {
    /// Holds requests during an election for up to `at_most`, instead of handling them with the follower action at
    /// once.
    ///
    /// - A held request is admitted when this node leads.
    /// - The follower action, such as [`redirect`](Self::redirect), handles it when another node leads, when this node
    ///   has left the election, or when `at_most` has passed. A [`shutdown`](crate::LeaderHandle::shutdown) waits for the
    ///   next leader while requests are held, so that the action can send them there.
    /// - A gRPC client that sends a deadline (`grpc-timeout`) receives `DEADLINE_EXCEEDED` if the request is still held
    ///   then. It was not executed. A held request that is executed or forwarded carries the rest of its timeout.
    ///
    /// A follower that knows a leader holds no requests, except those that [`forward`](Self::forward) sends again. A
    /// crashed leader counts as the leader until its lease expires.
    ///
    /// Each held request keeps its unread body and the ready service, which is replaced by a clone. The number of held
    /// requests is not limited. To limit it, wrap this layer in tower's `ConcurrencyLimit`.
    ///
    /// With [`forward`](Self::forward), a request that the leader did not execute is held again. The time counts from
    /// the arrival of the request, and includes failed attempts. It does not limit how long the leader takes to respond.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future of a held request gives the request up. It was not executed.
    ///
    /// # Panics
    ///
    /// The future of a held request panics if it is polled outside of a Tokio runtime with time enabled.
    ///
    /// ```
    /// use std::time::Duration;
    /// use noleader::{LeaderHandle, LeaderOnlyLayer};
    ///
    /// # fn example(leader: LeaderHandle) {
    /// let layer = LeaderOnlyLayer::new(leader)
    ///     .wait_up_to(Duration::from_secs(2))
    ///     .redirect();
    /// # }
    /// ```
    pub fn wait_up_to(mut self, at_most: Duration) -> Self {
        self.gate.set_wait_up_to(at_most);
        self
    }

    /// Ends admitted requests when their term ends. By default they continue.
    ///
    /// A term ends when its lease is lost, or when the drain timeout has passed and the lease is released. The
    /// service's future and response body are then dropped, and the response says that the request may have been
    /// executed:
    ///
    /// | request | before the response starts | afterwards |
    /// |---|---|---|
    /// | HTTP | 503 with `noleader-reason: lost` | the body fails with [`TermLost`](crate::TermLost) |
    /// | gRPC, gRPC-Web | 10 `ABORTED` with `noleader-reason: lost` | the same, as trailers |
    ///
    /// A gRPC-Web response that was cut off within a message has no trailers; its body fails.
    ///
    /// No response carries `retry-after` or `grpc-retry-pushback-ms`. The term is checked each time the future or the
    /// body is polled, so a process that was paused does not continue a request on waking.
    ///
    /// The layer does not end:
    ///
    /// - tasks that a handler has spawned, and code that does not await: pass them
    ///   [`Term::cancellation`](crate::Term::cancellation)
    /// - upgraded connections
    ///
    /// This setting does not combine with [`fail`](Self::fail), whose responses may be of any type.
    ///
    /// ```
    /// use axum::{Router, routing::post};
    /// use noleader::{LeaderHandle, LeaderOnlyLayer};
    ///
    /// # fn example(leader: LeaderHandle) -> Router {
    /// Router::new()
    ///     .route("/orders", post(|| async { "created" }))
    ///     .layer(LeaderOnlyLayer::new(leader).cancel_on_loss())
    /// # }
    /// ```
    pub fn cancel_on_loss(mut self) -> Self {
        self.settings.cancel_on_loss = true;
        self
    }

    /// Admits a request only while at least `min_remaining` of the lease is left. The default is zero.
    ///
    /// Use it for requests that should not start if they are unlikely to finish within the current term. The layer
    /// rejects a later request with the reason [`NoLeader`](crate::Reason::NoLeader), as if the lease had expired: the
    /// renewals of this node fail, and no other node can lead yet.
    ///
    /// The layer checks the time left once, on admission. A handler reads it later with
    /// [`Term::remaining`](crate::Term::remaining). The readiness of [`not_ready`](LeaderOnlyLayer::not_ready) does not
    /// depend on it.
    ///
    /// Keep `min_remaining` below the time that is left just before a renewal; otherwise a healthy leader rejects
    /// requests as well. With the default settings, half of the lease is safe. The layer logs a warning if the value
    /// exceeds what is left before a renewal that is late by its jitter.
    ///
    /// ```
    /// use std::time::Duration;
    /// use noleader::{LeaderHandle, LeaderOnlyLayer};
    ///
    /// # fn example(leader: LeaderHandle) {
    /// let layer = LeaderOnlyLayer::new(leader).min_remaining(Duration::from_millis(500));
    /// # }
    /// ```
    pub fn min_remaining(mut self, min_remaining: Duration) -> Self {
        self.gate.set_min_remaining(min_remaining);
        self
    }

    /// Sets how much of the body of a refused request is read and dropped after the response, and for how long. The
    /// default is 64 MiB and 10 s.
    ///
    /// A server closes a connection whose request was not read. A client that is still sending a large body then sees a
    /// broken connection instead of the response. nginx names the remedy a lingering close. A body that exceeds a limit
    /// is dropped.
    ///
    /// - This applies to every response that this layer gives in place of the service. It also applies to forwarded
    ///   requests, on both nodes: the service of the leader may respond before it has read the body.
    /// - A client that sends `expect: 100-continue` waits for the response before it sends the body. Nothing is read of
    ///   it then.
    /// - A closure for [`reject_with`](Self::reject_with), or an action of your own, gets a body that is read when it is
    ///   dropped, if it is a body of axum, tonic or http-body-util (boxed). It reads any other body itself.
    ///
    /// This has no effect on [`fail`](Self::fail), whose requests may be of any type.
    ///
    /// ```
    /// use std::time::Duration;
    /// use noleader::{LeaderHandle, LeaderOnlyLayer};
    ///
    /// # fn example(leader: LeaderHandle) {
    /// let layer = LeaderOnlyLayer::new(leader).linger(1024 * 1024, Duration::from_secs(1));
    /// # }
    /// ```
    pub fn linger(mut self, max_bytes: u64, at_most: Duration) -> Self {
        self.settings.linger.set_limits(max_bytes, at_most);
        self
    }

    /// Sets whether rejections name the leader, if it is known. Off by default, because clients seldom need to know
    /// which node leads and at which address.
    ///
    /// | header, or gRPC metadata | value |
    /// |---|---|
    /// | `noleader-leader` | the leader's id, percent-encoded except for spaces and visible ASCII other than `%` |
    /// | `noleader-leader-address` | the leader's address, if [`Redirect`] would send a client there |
    ///
    /// This has no effect on [`reject_with`](Self::reject_with), whose closure receives the leader, nor on an action of
    /// your own, nor on [`fail`](Self::fail).
    ///
    /// ```
    /// use noleader::{LeaderHandle, LeaderOnlyLayer};
    ///
    /// # fn example(leader: LeaderHandle) {
    /// let layer = LeaderOnlyLayer::new(leader).reveal_leader(true);
    /// # }
    /// ```
    pub fn reveal_leader(mut self, reveal: bool) -> Self {
        self.settings.reveal_leader = reveal;
        self
    }
}

impl<M> LeaderOnlyLayer<Forward, M> {
    /// Sets how long the leader may take until its response starts, counted from the start of the forwarding.
    ///
    /// The default is 30 s for HTTP and no limit for gRPC and gRPC-Web, whose clients send their own deadlines. The
    /// limit includes sending the request body, so long uploads need more. It does not include the response body. The
    /// response to a request that exceeds the limit is a 504, and the request may have been executed.
    ///
    /// ```
    /// use std::time::Duration;
    /// # use axum::body::Body;
    /// # use hyper_util::client::legacy::{Client, connect::HttpConnector};
    /// use noleader::{LeaderHandle, LeaderOnlyLayer};
    ///
    /// # fn example(leader: LeaderHandle, client: Client<HttpConnector, Body>) {
    /// let layer = LeaderOnlyLayer::new(leader)
    ///     .forward(client)
    ///     .forward_timeout(Duration::from_secs(5));
    /// # }
    /// ```
    pub fn forward_timeout(mut self, time_limit: Duration) -> Self {
        self.action.set_time_limit(time_limit);
        self
    }

    /// Sets how many bytes of a request body are kept, so that the request can be sent again. The default is 64 KiB.
    ///
    /// With [`wait_up_to`](Self::wait_up_to), a request that a leader did not execute is held and sent again, for as
    /// long as what was read of its body fits into the limit. Each forwarded request keeps up to this much.
    ///
    /// ```
    /// # use axum::body::Body;
    /// # use hyper_util::client::legacy::{Client, connect::HttpConnector};
    /// use noleader::{LeaderHandle, LeaderOnlyLayer};
    ///
    /// # fn example(leader: LeaderHandle, client: Client<HttpConnector, Body>) {
    /// let layer = LeaderOnlyLayer::new(leader)
    ///     .forward(client)
    ///     .replay_limit(1024 * 1024);
    /// # }
    /// ```
    pub fn replay_limit(mut self, bytes: usize) -> Self {
        self.action.set_replay_limit(bytes);
        self
    }

    /// Names the client of each forwarded request to the leader, as a closure describes it.
    ///
    /// The closure receives the head of the request as it came in, and runs for each attempt. The leader receives:
    ///
    /// | header | value |
    /// |---|---|
    /// | `forwarded` | address, host and protocol, as `for=192.0.2.1;host=shop.example;proto=https` (RFC 7239) |
    /// | `x-forwarded-for` | the address |
    /// | `x-forwarded-host` | the host that the client asked for, from `host` or `:authority` |
    /// | `x-forwarded-proto` | the protocol |
    ///
    /// `forwarded` and all `x-forwarded-*` headers of the client itself are removed. With
    /// [`trusted_proxy`](ClientInfo::trusted_proxy) they are kept: the address is appended to `forwarded` and
    /// `x-forwarded-for`, and the last two are added only if they are missing.
    ///
    /// This concerns forwarded requests only. The leader also serves its own clients, with the headers that they send. Its
    /// handlers should believe these headers only if the request comes from another node or from a proxy.
    ///
    /// An axum server with connect info knows the address of the client. With tonic, it is in the extension
    /// `tonic::transport::server::TcpConnectInfo`.
    ///
    /// ```
    /// use std::net::SocketAddr;
    /// # use axum::body::Body;
    /// use axum::{Router, extract::ConnectInfo};
    /// use http::request::Parts;
    /// # use hyper_util::client::legacy::{Client, connect::HttpConnector};
    /// use noleader::{LeaderHandle, LeaderOnlyLayer, middleware::ClientInfo};
    ///
    /// fn client_of(request: &Parts) -> ClientInfo {
    ///     match request.extensions.get::<ConnectInfo<SocketAddr>>() {
    ///         Some(ConnectInfo(peer)) => ClientInfo::new(peer.ip()),
    ///         None => ClientInfo::unknown(),
    ///     }
    /// }
    ///
    /// # async fn example(
    /// #     leader: LeaderHandle,
    /// #     client: Client<HttpConnector, Body>,
    /// #     orders: Router,
    /// #     listener: tokio::net::TcpListener,
    /// # ) -> std::io::Result<()> {
    /// let gate = LeaderOnlyLayer::new(leader)
    ///     .forward(client)
    ///     .client_info(client_of);
    /// let app = orders.layer(gate);
    /// axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await
    /// # }
    /// ```
    pub fn client_info<F>(mut self, describe: F) -> Self
    where
        F: Fn(&Parts) -> ClientInfo + Send + Sync + 'static,
    {
        self.action.describe_clients(Describing::by(describe));
        self
    }
}

impl<A> LeaderOnlyLayer<A> {
    /// Gates all requests except `GET`, `HEAD`, `OPTIONS` and `TRACE`, which reach the service on every node.
    ///
    /// - Every gRPC request is a `POST` and therefore gated, even if its method only reads.
    /// - A request that asks for another protocol is gated, because a client can write through a WebSocket: over HTTP/1.1
    ///   a request with `upgrade`, and over HTTP/2 an extended `CONNECT`. See
    ///   [`upgrades_pass`](LeaderOnlyLayer::upgrades_pass). A request with `upgrade: h2c` is none of them, because what
    ///   follows are HTTP requests.
    pub fn writes_only(self) -> LeaderOnlyLayer<A, WritesOnly> {
        self.with_gate(Gate::writes_only)
    }

    /// Gates the requests for which `gated` returns true. All others reach the service on every node.
    ///
    /// The closure runs once per request, and is cloned with the service.
    ///
    /// ```
    /// use axum::body::Body;
    /// use http::Request;
    /// use noleader::{LeaderHandle, LeaderOnlyLayer};
    ///
    /// # fn example(leader: LeaderHandle) {
    /// let layer = LeaderOnlyLayer::new(leader)
    ///     .when(|request: &Request<Body>| request.uri().path().starts_with("/admin"));
    /// # }
    /// ```
    pub fn when<F, Req>(self, gated: F) -> LeaderOnlyLayer<A, When<F>>
    where
        F: Fn(&Req) -> bool,
    {
        self.with_gate(|gate| gate.when(gated))
    }

    /// Gates every request, and reports the service as not ready while this node does not lead: `poll_ready` is
    /// pending, and wakes its task when the gate opens.
    ///
    /// Use it with tower's `LoadShed`, `Buffer` and `Balance`. `LoadShed` returns its own `Overloaded` error, without
    /// the reason.
    ///
    /// - axum routers and hyper servers are always ready, and call `poll_ready` once they have a request. There each
    ///   request waits until this node leads, without a time limit; prefer [`wait_up_to`](Self::wait_up_to).
    /// - tower's `Steer` is ready once all of its services are, so this gate would stop the other services too. Use
    ///   another action there, such as [`fail`](Self::fail).
    /// - After this node has left the election, the service is ready and rejects requests. With [`fail`](Self::fail),
    ///   `poll_ready` returns the error instead, so that `Balance` drops the service.
    ///
    /// ```
    /// use std::time::Duration;
    /// use noleader::{LeaderHandle, LeaderOnlyLayer};
    /// use tower::{BoxError, ServiceBuilder, service_fn};
    ///
    /// # fn example(leader: LeaderHandle) {
    /// // A follower returns `Overloaded` at once.
    /// let service = ServiceBuilder::new()
    ///     .load_shed()
    ///     .layer(LeaderOnlyLayer::new(leader).not_ready().fail())
    ///     .service(service_fn(|order: u64| async move { Ok::<_, BoxError>(order + 1) }));
    /// # }
    /// ```
    pub fn not_ready(self) -> LeaderOnlyLayer<A, NotReady> {
        self.with_gate(Gate::not_ready)
    }

    fn with_gate<M>(
        self,
        change: impl FnOnce(Gate<EveryRequest>) -> Gate<M>,
    ) -> LeaderOnlyLayer<A, M> {
        LeaderOnlyLayer {
            gate: change(self.gate),
            action: self.action,
            settings: self.settings,
        }
    }
}

impl<A> LeaderOnlyLayer<A, WritesOnly> {
    /// Lets upgrades pass: they reach the service on every node, as reads do. Use it if clients only read from their
    /// WebSockets.
    ///
    /// Over HTTP/1.1 these are requests with a method that reads and with `upgrade`, and over HTTP/2 extended `CONNECT`s.
    /// All writes and all other `CONNECT`s are gated.
    ///
    /// ```
    /// use noleader::{LeaderHandle, LeaderOnlyLayer};
    ///
    /// # fn example(leader: LeaderHandle) {
    /// let layer = LeaderOnlyLayer::new(leader).writes_only().upgrades_pass();
    /// # }
    /// ```
    pub fn upgrades_pass(mut self) -> Self {
        self.gate.set_upgrades_pass();
        self
    }
}

/// Settings that contradict each other do not compile.
///
/// ```compile_fail,E0599
/// # fn example(layer: noleader::LeaderOnlyLayer) {
/// layer.upgrades_pass();
/// # }
/// ```
/// ```compile_fail,E0599
/// # fn example(layer: noleader::LeaderOnlyLayer) {
/// layer.fail().upgrades_pass();
/// # }
/// ```
/// ```compile_fail,E0599
/// # fn example(layer: noleader::LeaderOnlyLayer) {
/// layer.redirect().forward_timeout(std::time::Duration::MAX);
/// # }
/// ```
/// ```compile_fail,E0599
/// # fn example(layer: noleader::LeaderOnlyLayer) {
/// layer.redirect().redirect();
/// # }
/// ```
/// ```compile_fail,E0599
/// # fn example(layer: noleader::LeaderOnlyLayer) {
/// layer.redirect().fail();
/// # }
/// ```
/// ```compile_fail,E0599
/// # fn example(layer: noleader::LeaderOnlyLayer) {
/// layer.fail().cancel_on_loss();
/// # }
/// ```
/// ```compile_fail,E0599
/// # fn example(layer: noleader::LeaderOnlyLayer) {
/// layer.fail().reveal_leader(true);
/// # }
/// ```
/// ```compile_fail,E0599
/// # fn example(layer: noleader::LeaderOnlyLayer) {
/// layer.not_ready().writes_only();
/// # }
/// ```
#[cfg(doctest)]
struct Refused;

impl<S, A: Clone, M: Clone> Layer<S> for LeaderOnlyLayer<A, M> {
    type Service = LeaderOnly<S, A, M>;

    fn layer(&self, inner: S) -> Self::Service {
        LeaderOnly::new(
            inner,
            self.gate.clone(),
            self.action.clone(),
            self.settings.clone(),
        )
    }
}
