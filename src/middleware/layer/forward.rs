use std::time::Duration;

use http::request::Parts;

use super::LeaderOnlyLayer;
use crate::middleware::{
    actions::Forward,
    http::client_info::{ClientInfo, Describing},
};

impl<M, E> LeaderOnlyLayer<Forward, M, E> {
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
