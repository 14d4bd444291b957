//! The layer for HTTP.
//!
//! - `actions`: its follower actions; `forward`: the settings of forwarding.
//! - `requests`: which requests are gated; `sharded`: by which of many elections.
//! - `settings`: what holds with every action.
//! - `contradictions`: what does not compile.

mod actions;
#[cfg(doctest)]
mod contradictions;
mod forward;
mod requests;
mod settings;
mod sharded;

use tower_layer::Layer;

use super::{
    actions::Reject, elections::Node, gate::Gate, matcher::EveryRequest, service::LeaderOnly,
    settings::Settings,
};
use crate::task::LeaderHandle;

/// A [`Layer`] that admits requests while this node leads.
///
/// The service has to be `Clone`: a request that is held keeps the service that is ready, and a clone takes its place.
/// The data type of its response bodies has to implement `From<Bytes>`, as with the bodies of axum, tonic and hyper. The
/// response body of the layer is a [`ResponseBody`](super::ResponseBody).
///
/// While this node does not lead, the follower action `A` handles each gated request. The matcher `M` decides which
/// requests are gated. All other requests reach the service on every node. The elections `E` are the one of a
/// [`LeaderHandle`], or those of many [shards](Self::sharded).
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
pub struct LeaderOnlyLayer<A = Reject, M = EveryRequest, E = LeaderHandle> {
    gate: Gate<M, E>,
    action: A,
    settings: Settings,
}

impl LeaderOnlyLayer {
    /// Creates a layer that gates every request, and rejects it with a response while this node does not lead.
    ///
    /// The response is a 503 over HTTP and `UNAVAILABLE` over gRPC; see [`Reject`]. The error type of the service does
    /// not change.
    pub fn new(handle: LeaderHandle) -> Self {
        Self::of(handle)
    }
}

impl<E: Node> LeaderOnlyLayer<Reject, EveryRequest, E> {
    fn of(elections: E) -> Self {
        Self {
            settings: Settings::new(&elections),
            gate: Gate::new(elections),
            action: Reject,
        }
    }
}

impl<S, A: Clone, M: Clone, E: Clone> Layer<S> for LeaderOnlyLayer<A, M, E> {
    type Service = LeaderOnly<S, A, M, E>;

    fn layer(&self, inner: S) -> Self::Service {
        LeaderOnly::new(
            inner,
            self.gate.clone(),
            self.action.clone(),
            self.settings.clone(),
        )
    }
}
