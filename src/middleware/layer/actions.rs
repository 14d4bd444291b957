use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::LeaderOnlyLayer;
use crate::{
    error::BoxError,
    middleware::{
        actions::{Forward, IntoAnswer, Redirect, Reject, RejectWith},
        elections::Node,
        fail::FailLayer,
        http::from_body::FromBody,
        settings::Settings,
    },
    task::NotLeader,
};

impl<M, E: Node> LeaderOnlyLayer<Reject, M, E> {
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
    pub fn redirect(self) -> LeaderOnlyLayer<Redirect, M, E> {
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
    /// - Its request body can be made from another body; see [`FromBody`](crate::middleware::FromBody). The bodies of axum and tonic
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
    pub fn forward<C, B, R>(self, client: C) -> LeaderOnlyLayer<Forward, M, E>
    where
        C: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
        C::Error: Into<BoxError>,
        C::Future: Send,
        B: FromBody,
        R: Body<Error: Into<BoxError>> + Send + 'static,
    {
        let runtime = self.gate.elections().runtime();
        let forward = Forward::new(client, self.settings.target.clone(), runtime);
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
    pub fn reject_with<F, B, R, Kind>(self, answer: F) -> LeaderOnlyLayer<RejectWith<B>, M, E>
    where
        F: Fn(NotLeader, Request<B>) -> R + Send + Sync + 'static,
        R: IntoAnswer<Kind>,
    {
        self.action(RejectWith::new(answer))
    }

    /// Handles requests with an action of your own; see [`FollowerAction`](crate::middleware::FollowerAction).
    pub fn action<A>(self, action: A) -> LeaderOnlyLayer<A, M, E> {
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
    pub fn fail(self) -> FailLayer<M, E> {
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
