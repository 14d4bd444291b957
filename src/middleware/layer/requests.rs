use super::LeaderOnlyLayer;
use crate::middleware::{
    gate::Gate,
    matcher::{EveryRequest, NotReady, When, WritesOnly},
};

impl<A, E> LeaderOnlyLayer<A, EveryRequest, E> {
    /// Gates all requests except `GET`, `HEAD`, `OPTIONS` and `TRACE`, which reach the service on every node.
    ///
    /// - Every gRPC request is a `POST` and therefore gated, even if its method only reads.
    /// - A request that asks for another protocol is gated, because a client can write through a WebSocket: over HTTP/1.1
    ///   a request with `upgrade`, and over HTTP/2 an extended `CONNECT`. See
    ///   [`upgrades_pass`](LeaderOnlyLayer::upgrades_pass). A request with `upgrade: h2c` is none of them, because what
    ///   follows are HTTP requests.
    pub fn writes_only(self) -> LeaderOnlyLayer<A, WritesOnly, E> {
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
    pub fn when<F, Req>(self, gated: F) -> LeaderOnlyLayer<A, When<F>, E>
    where
        F: Fn(&Req) -> bool,
    {
        self.with_gate(|gate| gate.when(gated))
    }

    fn with_gate<M>(
        self,
        change: impl FnOnce(Gate<EveryRequest, E>) -> Gate<M, E>,
    ) -> LeaderOnlyLayer<A, M, E> {
        LeaderOnlyLayer {
            gate: change(self.gate),
            action: self.action,
            settings: self.settings,
        }
    }
}

impl<A> LeaderOnlyLayer<A> {
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
    /// - It is not offered for [`sharded`](LeaderOnlyLayer::sharded): `poll_ready` comes before the request, whose key
    ///   decides on the shard.
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
}

impl<A, E> LeaderOnlyLayer<A, WritesOnly, E> {
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
