use std::time::Duration;

use super::LeaderOnlyLayer;
use crate::middleware::elections::Node;

impl<A, M, E: Node> LeaderOnlyLayer<A, M, E> {
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
    /// | `noleader-leader-address` | the leader's address, if [`redirect`](Self::redirect) would send a client there |
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
