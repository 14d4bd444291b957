use super::LeaderOnlyLayer;
use crate::{
    middleware::{
        actions::Reject,
        elections::{ShardSet, Sharded},
        matcher::EveryRequest,
    },
    names::ShardKey,
};

impl<S: ShardSet, F> LeaderOnlyLayer<Reject, EveryRequest, Sharded<S, F>> {
    /// Creates a layer that gates each request by the election of its shard.
    ///
    /// The closure returns the key of a request: a text, an integer, a [`ShardId`](crate::ShardId), or an `Option` of
    /// one; see [`ShardKey`]. The key decides on the shard, and the leader of that shard admits the request. Follower
    /// actions, holds and retries go by this leader too. An admitted request carries the
    /// [`ShardId`](crate::ShardId) and the [`Term`](crate::Term) of its shard in its extensions.
    ///
    /// The closure runs once per gated request, and is cloned with the service. Its parameter needs a type annotation. A
    /// `ShardId` avoids the allocation of a `String`.
    ///
    /// # Requests without a key
    ///
    /// A request whose key is `None` is refused with the reason [`NoKey`](crate::Reason::NoKey), unless
    /// [`keyless_pass`](Self::keyless_pass) is set. So is a `ShardId` that is not less than the number of shards. The
    /// status is 400 over HTTP and `INVALID_ARGUMENT` over gRPC. The request was not executed, and repeating it does not
    /// help.
    ///
    /// # Nodes that disagree
    ///
    /// A node that forwards a request names its shard. If the next node finds another shard for it, that node refuses the
    /// request with the reason [`OtherShard`](crate::Reason::OtherShard), and logs a warning. This happens in a rolling
    /// update that changes the closure. With [`wait_up_to`](Self::wait_up_to), the request is sent again until the nodes
    /// agree. A client that asks the second node directly is served: to change the keys of a running service without
    /// two leaders for one key, stop all nodes first.
    ///
    /// ```
    /// use axum::{Extension, Router, body::Body, routing::post};
    /// use http::Request;
    /// use noleader::{LeaderOnlyLayer, ShardId, Shards, Term};
    ///
    /// /// The customer in a path such as `/customers/17/orders`.
    /// fn customer(request: &Request<Body>) -> Option<String> {
    ///     let rest = request.uri().path().strip_prefix("/customers/")?;
    ///     rest.split('/').next().map(str::to_owned)
    /// }
    ///
    /// async fn create(Extension(shard): Extension<ShardId>, term: Term) -> String {
    ///     format!("written to shard {shard} with the fencing token {}", term.token())
    /// }
    ///
    /// fn app(shards: Shards) -> Router {
    ///     Router::new()
    ///         .route("/customers/{id}/orders", post(create))
    ///         .layer(LeaderOnlyLayer::sharded(shards, customer).redirect())
    /// }
    /// ```
    ///
    /// A gRPC call has its key in the metadata, which are the headers of the request:
    ///
    /// ```
    /// # #[cfg(feature = "tonic")] {
    /// use http::Request;
    /// use tonic::body::Body;
    ///
    /// fn customer(request: &Request<Body>) -> Option<String> {
    ///     let value = request.headers().get("customer")?;
    ///     value.to_str().ok().map(str::to_owned)
    /// }
    /// # }
    /// ```
    pub fn sharded<Req, K>(shards: S, key: F) -> Self
    where
        F: Fn(&Req) -> K,
        K: ShardKey,
    {
        Self::of(Sharded::new(shards, key))
    }
}

impl<A, M, S, F> LeaderOnlyLayer<A, M, Sharded<S, F>> {
    /// Lets requests without a key pass: they reach the service on every node, without a term. By default they are
    /// refused.
    ///
    /// ```
    /// use noleader::{LeaderOnlyLayer, Shards};
    /// # use axum::body::Body;
    /// # use http::Request;
    ///
    /// # fn example(shards: Shards, customer: fn(&Request<Body>) -> Option<u64>) {
    /// let layer = LeaderOnlyLayer::sharded(shards, customer).keyless_pass();
    /// # }
    /// ```
    pub fn keyless_pass(mut self) -> Self {
        self.gate.set_keyless_pass();
        self
    }
}
