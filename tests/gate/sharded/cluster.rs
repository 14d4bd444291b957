//! Nodes that share a few shards, on stores in memory and one clock.

use std::{convert::Infallible, num::NonZeroU32, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Extension, State},
    routing::any,
};
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use noleader::{
    LeaderHandle, LeaderOnlyLayer, ShardId, Status, Term,
    middleware::{self, EveryRequest, Reject, ShardSet, Sharded},
    names::{Address, ElectionName},
    runtime::Runtime,
    test_util::FakeClock,
};
use tower::{Service, ServiceExt, service_fn};

use crate::node::{Fragile, Node, soon};

const IDS: [&str; 3] = ["a", "b", "c"];
/// Where the nodes are said to be, unless they have servers.
pub(crate) const ADDRESSES: [&str; 3] = [
    "http://a.example:8080",
    "http://b.example:8080",
    "http://c.example:8080",
];

/// For each node, its candidate for each shard.
pub(crate) struct Cluster {
    nodes: Vec<Vec<Node>>,
}

impl Cluster {
    /// Each shard is led by one of the nodes, or by none yet.
    pub(crate) async fn led_by(leaders: &[Option<usize>], addresses: &[&str]) -> Self {
        let clock = FakeClock::new();
        let mut nodes: Vec<_> = addresses.iter().map(|_| Vec::new()).collect();
        for &leader in leaders {
            let store = Fragile::default();
            let mut shard: Vec<_> = addresses.iter().map(|_| None).collect();
            // The leader first.
            let others = (0..addresses.len()).filter(|node| Some(*node) != leader);
            for node in leader.into_iter().chain(others) {
                let candidate = Node::join(IDS[node], &store, &clock, |builder| {
                    let builder = builder.address(addresses[node]);
                    builder.dangerous_trust_absent_key(Some(node) == leader)
                });
                shard[node] = Some(candidate.await);
            }
            for (node, candidate) in nodes.iter_mut().zip(shard) {
                node.extend(candidate);
            }
        }
        let cluster = Self { nodes };
        for (shard, &leader) in leaders.iter().enumerate() {
            if let Some(leader) = leader {
                cluster.elected(leader, shard).await;
            }
        }
        cluster
    }

    pub(crate) fn candidate(&self, node: usize, shard: usize) -> &Node {
        &self.nodes[node][shard]
    }

    /// Waits until a node leads a shard.
    pub(crate) async fn elected(&self, node: usize, shard: usize) {
        let candidate = self.candidate(node, shard);
        candidate
            .until(|status| matches!(status, Status::Leader { .. }))
            .await;
    }

    pub(crate) fn shards(&self, node: usize) -> Shards {
        self.shards_named("orders", node)
    }

    pub(crate) fn shards_named(&self, name: &str, node: usize) -> Shards {
        let candidates = self.nodes[node].iter();
        Shards::new(name, candidates.map(|node| node.handle.clone()))
    }

    /// Lets time pass in steps that keep every lease that can be renewed.
    pub(crate) async fn advance(&self, by: Duration) {
        for _ in 0..20 {
            self.nodes[0][0].advance(by / 20).await;
        }
    }

    pub(crate) fn gate(&self, node: usize) -> Gate {
        LeaderOnlyLayer::sharded(self.shards(node), in_path as Key)
    }
}

/// The shards of a node.
#[derive(Clone)]
pub(crate) struct Shards {
    name: ElectionName,
    elections: Arc<[LeaderHandle]>,
}

impl Shards {
    pub(crate) fn new(name: &str, elections: impl IntoIterator<Item = LeaderHandle>) -> Self {
        Self {
            name: ElectionName::new(name, "shards"),
            elections: elections.into_iter().collect(),
        }
    }

    fn node(&self) -> &LeaderHandle {
        &self.elections[0]
    }
}

impl middleware::Node for Shards {
    fn name(&self) -> &ElectionName {
        &self.name
    }

    fn own_address(&self) -> Option<&Address> {
        middleware::Node::own_address(self.node())
    }

    fn runtime(&self) -> &Runtime {
        middleware::Node::runtime(self.node())
    }

    fn always_left(&self) -> Duration {
        middleware::Node::always_left(self.node())
    }
}

impl ShardSet for Shards {
    type Election<'a> = &'a LeaderHandle;

    fn count(&self) -> NonZeroU32 {
        let count = u32::try_from(self.elections.len()).unwrap();
        NonZeroU32::new(count).unwrap()
    }

    fn election(&self, shard: ShardId) -> Option<&LeaderHandle> {
        self.elections.get(usize::try_from(shard.index()).unwrap())
    }
}

pub(crate) type Key = fn(&Request<Body>) -> Option<ShardId>;
pub(crate) type Gate = LeaderOnlyLayer<Reject, EveryRequest, Sharded<Shards, Key>>;

/// The number in a path such as `/shards/3`.
pub(crate) fn in_path(request: &Request<Body>) -> Option<ShardId> {
    let index = request.uri().path().strip_prefix("/shards/")?;
    index.parse().ok().map(ShardId::new)
}

/// Responds with the node's id, and with the shard of the request and whether it has a term.
pub(crate) fn app(node: usize) -> Router {
    async fn respond(
        State(id): State<&'static str>,
        shard: Option<Extension<ShardId>>,
        term: Option<Term>,
        headers: HeaderMap,
    ) -> String {
        assert!(!headers.contains_key("noleader-forwarded"));
        match (shard, term) {
            (Some(Extension(shard)), Some(_)) => format!("{id} leads {shard}"),
            (None, None) => format!("{id} ungated"),
            (shard, term) => panic!("{shard:?} and {term:?}"),
        }
    }
    Router::new().fallback(any(respond)).with_state(IDS[node])
}

pub(crate) fn post(path: &str) -> Request<Body> {
    Request::post(path).body(Body::from("an order")).unwrap()
}

pub(crate) async fn send(app: &Router, request: Request<Body>) -> Response<Body> {
    soon(app.clone().oneshot(request)).await.unwrap()
}

pub(crate) async fn text(response: Response<Body>) -> String {
    let body = soon(response.into_body().collect()).await.unwrap();
    String::from_utf8(body.to_bytes().to_vec()).unwrap()
}

/// A client of one server, without a network.
pub(crate) fn client(
    app: &Router,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ 'static {
    let app = app.clone();
    service_fn(move |request: Request<Body>| app.clone().oneshot(request))
}
