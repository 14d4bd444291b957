use std::time::Duration;

use http::{Request, Response};
use tower_layer::Layer;

use super::{
    compose::{Cancellable, Immediate, Undecided},
    entrance::Entrance,
    fail::Fail,
    forward::{Forward, Forwards},
    matcher::{EveryRequest, NotReady, When, WritesOnly},
    redirect::Redirect,
    reject::{Reject, Rejects},
    reject_with::RejectWith,
    service::LeaderOnly,
    target::Target,
    wait_up_to::WaitUpTo,
};
use crate::task::{LeaderHandle, NotLeader};

/// Lets requests through while this node leads.
///
/// `A` is what is done with a request while the gate is shut, `M` which requests the gate applies to.
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
#[must_use = "a layer does nothing until it is put around a service"]
pub struct LeaderOnlyLayer<A = Reject, M = EveryRequest> {
    entrance: Entrance,
    action: A,
    matcher: M,
}

impl LeaderOnlyLayer {
    /// Gates every request, and rejects with a response while the gate is shut.
    ///
    /// An HTTP request is answered 503, a gRPC request `UNAVAILABLE`; see [`Reject`]. The error type of
    /// the service stays what it is.
    pub fn new(handle: LeaderHandle) -> Self {
        Self {
            entrance: Entrance::new(handle),
            action: Reject::default(),
            matcher: EveryRequest,
        }
    }
}

impl<A: Undecided, M> LeaderOnlyLayer<A, M> {
    /// Sends HTTP requests to the leader, by a 307 to the address that it publishes, with path and query
    /// kept. Where that is not possible a request is rejected. See [`Redirect`].
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
    pub fn redirect(self) -> LeaderOnlyLayer<A::Decided<Redirect>, M> {
        self.acting(|reject, entrance| Redirect::new(entrance.handle(), reject))
    }

    /// Sends requests on to the leader, to the address that it publishes, and its answers back. Where that is
    /// not possible a request is rejected. See [`Forward`].
    ///
    /// The client is any tower service for the same requests, such as the one of hyper-util, and is cloned
    /// for each request. It has to call the host that the request's URI names, which tonic's `Channel` does
    /// not: for gRPC take hyper-util's client with `http2_only`, and see [`Forward`] for what to set. Limits
    /// on connecting, pooling and keeping alive are its own settings. Set one on connecting: a leader whose
    /// host is gone refuses nothing.
    ///
    /// The error of the response body becomes a `Box<dyn Error + Send + Sync>`, into which the service's
    /// has to convert. A forwarded request has to be polled in a tokio runtime with its timer enabled.
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
    pub fn forward<C>(self, client: C) -> LeaderOnlyLayer<A::Decided<Forward<C>>, M> {
        self.acting(|reject, entrance| Forward::new(client, entrance.handle(), reject))
    }

    /// Answers with what `answer` makes of the request and of why it was not admitted.
    ///
    /// The response's body is of the type that the service's responses have. The closure also sees the
    /// gRPC requests, and is cloned with the service. Its request needs a type, also where it is not used.
    /// The request was not executed: let the answer say so, by a 503 for instance, and name the leader's
    /// address only to those who may know it.
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
    pub fn reject_with<F, ReqBody, ResBody>(
        self,
        answer: F,
    ) -> LeaderOnlyLayer<A::Decided<RejectWith<F>>, M>
    where
        F: Fn(NotLeader, Request<ReqBody>) -> Response<ResBody>,
    {
        self.acting(|_, _| RejectWith(answer))
    }

    /// Fails instead of responding: for any service, HTTP or not, whose error is
    /// `From<`[`NotLeader`](crate::NotLeader)`>`. See [`Fail`].
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
    pub fn fail(self) -> LeaderOnlyLayer<A::Decided<Fail>, M> {
        self.acting(|_, _| Fail)
    }

    fn acting<B>(
        self,
        choose: impl FnOnce(Reject, &Entrance) -> B,
    ) -> LeaderOnlyLayer<A::Decided<B>, M> {
        LeaderOnlyLayer {
            action: self.action.decide(|reject| choose(reject, &self.entrance)),
            entrance: self.entrance,
            matcher: self.matcher,
        }
    }
}

impl<A: Immediate, M> LeaderOnlyLayer<A, M> {
    /// Holds a request for as long as an election is under way, for `at_most` this long, instead of
    /// refusing it at once.
    ///
    /// The request goes on at once
    /// - when this node leads: the service is called;
    /// - when another node is known to lead, or the election has stopped here: what is configured is
    ///   done, such as [`redirect`](Self::redirect);
    /// - when the time is over: the same.
    ///
    /// So a request to a follower does not wait while there is a leader. Each held request keeps its body
    /// unread, and the readied service, whose place a clone takes: the service has to be `Clone`. Their
    /// number has no limit here; tower's `ConcurrencyLimit` around this layer sets one. Dropping the
    /// future gives the request up, which was not executed then.
    ///
    /// The time is tokio's, so that a held request has to be polled in a tokio runtime with its timer
    /// enabled, or panics.
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
    pub fn wait_up_to(self, at_most: Duration) -> LeaderOnlyLayer<WaitUpTo<A>, M> {
        LeaderOnlyLayer {
            entrance: self.entrance,
            action: WaitUpTo::new(self.action, at_most),
            matcher: self.matcher,
        }
    }
}

impl<A: Cancellable, M> LeaderOnlyLayer<A, M> {
    /// Ends the admitted requests when their term ends, be it lost, or released because the drain timeout
    /// is over. By default they go on.
    ///
    /// The service's future and its response body are dropped, and the client is told that the request may
    /// have been executed; see [`CancelOnLoss`](super::CancelOnLoss) for how. The term is checked each time
    /// that the future or the body is polled, so that a process that was paused does not go on with a
    /// request when it wakes. What a handler has spawned, or runs without an await, is not ended: give it
    /// [`Term::cancellation`](crate::Term::cancellation). Nor is an upgraded connection.
    ///
    /// The error of the response body becomes a `Box<dyn Error + Send + Sync>`, into which the service's
    /// has to convert. It does not go with [`fail`](Self::fail), which knows nothing of responses.
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
    pub fn cancel_on_loss(self) -> LeaderOnlyLayer<A::OnLoss, M> {
        LeaderOnlyLayer {
            entrance: self.entrance,
            action: self.action.on_loss(),
            matcher: self.matcher,
        }
    }
}

impl<A, M> LeaderOnlyLayer<A, M> {
    /// Admits a request only while at least `min_remaining` of the lease is left, for requests that should
    /// not begin when they are unlikely to end under this term. Zero by default.
    ///
    /// A request that comes later is refused with the reason
    /// [`NoLeader`](crate::Reason::NoLeader), as if the lease had run out already: this node's renewals
    /// fail, and nobody else can lead yet. It is checked when the request is admitted, by the same clock
    /// read; a handler that wants to know later asks [`Term::remaining`](crate::Term::remaining). The
    /// readiness of [`not_ready`](LeaderOnlyLayer::not_ready) does not depend on it.
    ///
    /// Keep it below what is left just before a renewal, two thirds of the lease by default; with more,
    /// requests are refused also while all is well, of which a line in the log warns.
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
        self.entrance.set_min_remaining(min_remaining);
        self
    }
}

impl<A: Forwards, M> LeaderOnlyLayer<A, M> {
    /// How long the leader may take until its response begins, from the moment that the request is
    /// forwarded. By default 30 s; for gRPC, whose clients send deadlines of their own, without a limit.
    ///
    /// The request body is sent within that time, so that long uploads need more. The response body is not
    /// limited. A request that takes longer is answered 504, and may have been executed.
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
}

impl<A: Rejects, M> LeaderOnlyLayer<A, M> {
    /// Whether rejections name the leader, where it is known. Off by default, as who leads and at which
    /// address is seldom the client's business.
    ///
    /// | header, or gRPC metadata | |
    /// |---|---|
    /// | `noleader-leader` | the leader's id; what is not visible ASCII or a blank is percent-encoded, and so is `%` |
    /// | `noleader-leader-address` | its address, if it publishes one that a [`Redirect`] could go to |
    ///
    /// It says nothing to [`reject_with`](Self::reject_with), whose closure is given the leader.
    ///
    /// ```
    /// use noleader::{LeaderHandle, LeaderOnlyLayer};
    ///
    /// # fn example(leader: LeaderHandle) {
    /// let layer = LeaderOnlyLayer::new(leader).reveal_leader(true);
    /// # }
    /// ```
    pub fn reveal_leader(mut self, reveal: bool) -> Self {
        let target = reveal.then(|| Target::new(self.entrance.handle()));
        self.action.reject_mut().revealed = target;
        self
    }
}

impl<A> LeaderOnlyLayer<A> {
    /// Gates the requests that may write: all but `GET`, `HEAD`, `OPTIONS` and `TRACE`, which pass.
    ///
    /// A gRPC request is a `POST`, whatever its method does, and so it is gated.
    pub fn writes_only(self) -> LeaderOnlyLayer<A, WritesOnly> {
        self.matching(WritesOnly)
    }

    /// Gates the requests for which `gated` is true; the others pass.
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
        self.matching(When(gated))
    }

    /// Gates every request, and is not ready while the gate is shut: `poll_ready` is pending, and wakes
    /// when it opens.
    ///
    /// This goes with tower's `LoadShed`, `Buffer` and `Balance`. An axum router and a hyper server are
    /// always ready, and call `poll_ready` once they have a request: there it parks each request until
    /// this node leads, without a limit. Once the election has stopped the service is ready and rejects,
    /// or with [`fail`](Self::fail) its `poll_ready` fails, so that `Balance` drops it. A caller of
    /// `LoadShed` sees its `Overloaded`, not why the gate is shut.
    ///
    /// ```
    /// use std::time::Duration;
    /// use noleader::{LeaderHandle, LeaderOnlyLayer};
    /// use tower::{BoxError, ServiceBuilder, service_fn};
    ///
    /// # fn example(leader: LeaderHandle) {
    /// // Answers at once with `Overloaded` on a follower.
    /// let service = ServiceBuilder::new()
    ///     .load_shed()
    ///     .layer(LeaderOnlyLayer::new(leader).not_ready().fail())
    ///     .service(service_fn(|order: u64| async move { Ok::<_, BoxError>(order + 1) }));
    /// # }
    /// ```
    pub fn not_ready(self) -> LeaderOnlyLayer<A, NotReady> {
        self.matching(NotReady::new())
    }

    fn matching<M>(self, matcher: M) -> LeaderOnlyLayer<A, M> {
        LeaderOnlyLayer {
            entrance: self.entrance,
            action: self.action,
            matcher,
        }
    }
}

impl<S, A: Clone, M: Clone> Layer<S> for LeaderOnlyLayer<A, M> {
    type Service = LeaderOnly<S, A, M>;

    fn layer(&self, inner: S) -> Self::Service {
        LeaderOnly::new(
            inner,
            self.entrance.clone(),
            self.action.clone(),
            self.matcher.clone(),
        )
    }
}
