//! The gates of two sets of shards on one route.

use std::sync::Arc;

use axum::{Router, body::Body, extract::State, routing::any};
use http::{Extensions, Request};
use noleader::{LeaderOnlyLayer, ShardId, Term, middleware::ShardSet};

use super::cluster::{ADDRESSES, Cluster, Shards, client, post, send, text};
use crate::node::Node;

/// The shard of the customer and of the product, in a path such as `/0/1`.
fn part(request: &Request<Body>, index: usize) -> Option<ShardId> {
    let part = request.uri().path().split('/').nth(index + 1)?;
    part.parse().ok().map(ShardId::new)
}

fn customer(request: &Request<Body>) -> Option<ShardId> {
    part(request, 0)
}

fn product(request: &Request<Body>) -> Option<ShardId> {
    part(request, 1)
}

/// Says which shards the request has in either set, and which is the innermost.
async fn shards_of(
    State(sets): State<Arc<(&'static str, Shards, Shards)>>,
    extensions: Extensions,
) -> String {
    let (id, customers, products) = &*sets;
    let shard = |set: &Shards| {
        let (shard, term) = set.term_in(&extensions).unwrap();
        let election = set.election(shard).unwrap();
        assert_eq!(election.term(), Some(term));
        shard
    };
    let innermost = extensions.get::<ShardId>().unwrap();
    let term = extensions.get::<Term>().unwrap();
    assert_eq!(
        products.election(*innermost).unwrap().term().as_ref(),
        Some(term)
    );
    format!("{id} {} {} {innermost}", shard(customers), shard(products))
}

/// Two nodes that share the shards of customers and of products.
struct Sets {
    customers: Cluster,
    products: Cluster,
}

impl Sets {
    async fn led_by(customers: [usize; 2], products: [usize; 2]) -> Self {
        let cluster =
            async |leaders: [usize; 2]| Cluster::led_by(&leaders.map(Some), &ADDRESSES[..2]).await;
        Self {
            customers: cluster(customers).await,
            products: cluster(products).await,
        }
    }

    fn shards(&self, node: usize) -> (Shards, Shards) {
        let products = self.products.shards_named("products", node);
        (self.customers.shards_named("customers", node), products)
    }

    fn handler(&self, node: usize) -> Router {
        let (customers, products) = self.shards(node);
        let state = Arc::new((["a", "b"][node], customers, products));
        Router::new().fallback(any(shards_of)).with_state(state)
    }

    fn app(&self, node: usize) -> Router {
        let (customers, products) = self.shards(node);
        self.handler(node)
            .layer(LeaderOnlyLayer::sharded(products, product))
            .layer(LeaderOnlyLayer::sharded(customers, customer))
    }

    /// A node that forwards to another.
    fn forwarding(&self, node: usize, to: &Router) -> Router {
        let (customers, products) = self.shards(node);
        self.handler(node)
            .layer(LeaderOnlyLayer::sharded(products, product).forward(client(to)))
            .layer(LeaderOnlyLayer::sharded(customers, customer).forward(client(to)))
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_carries_the_shard_and_the_term_of_each_gate() {
    let sets = Sets::led_by([0, 0], [0, 1]).await;
    let app = sets.app(0);
    assert_eq!(text(send(&app, post("/1/0")).await).await, "a 1 0 0");
    assert_eq!(send(&app, post("/1/1")).await.status(), 503);
    assert_eq!(send(&app, post("/1")).await.status(), 400);
}

#[tokio::test(start_paused = true)]
async fn a_request_reaches_the_leader_of_both_shards() {
    let sets = Sets::led_by([0, 1], [1, 0]).await;
    let there = sets.forwarding(1, &Router::new());
    let here = sets.forwarding(0, &there);
    assert_eq!(text(send(&here, post("/1/0")).await).await, "b 1 0 0");
    assert_eq!(text(send(&here, post("/0/1")).await).await, "a 0 1 1");
}

/// No node leads both, so that none executes the request.
#[tokio::test(start_paused = true)]
async fn a_request_whose_shards_have_two_leaders_is_refused() {
    let sets = Sets::led_by([0, 0], [1, 1]).await;
    let there = sets.app(1);
    let here = sets.forwarding(0, &there);
    let response = send(&here, post("/0/0")).await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["noleader-reason"], "not_leader");
}

/// The shard in the extensions is the innermost gate's, which may have none.
#[tokio::test(start_paused = true)]
async fn a_plain_gate_inside_hides_the_shard_but_not_its_term() {
    async fn respond(State(customers): State<Shards>, extensions: Extensions) -> String {
        let (shard, term) = customers.term_in(&extensions).unwrap();
        assert_ne!(Some(&term), extensions.get::<Term>());
        format!("{shard} {:?}", extensions.get::<ShardId>())
    }
    let cluster = Cluster::led_by(&[Some(0), Some(0)], &ADDRESSES[..1]).await;
    let node = Node::leader().await;
    let app = Router::new()
        .fallback(any(respond))
        .with_state(cluster.shards(0))
        .layer(LeaderOnlyLayer::new(node.handle.clone()))
        .layer(LeaderOnlyLayer::sharded(cluster.shards(0), customer));
    assert_eq!(text(send(&app, post("/1")).await).await, "1 None");
}
