//! The layer in front of shards: axum nodes on a real server, which send each request on to the leader of its shard.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    body::Body,
    extract::{Path, Request},
    routing::post,
};
use http::StatusCode;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use noleader::{LeaderOnlyLayer, ShardId, Shards, Term};
use noleader_fixture::{Server, eventually};
use tokio::{net::TcpListener, sync::Mutex, task::JoinSet};

use crate::support::{BOUND, LEASE, SHARDS};

type HttpClient = Client<HttpConnector, Body>;

/// The orders that were taken: by customer, the tokens under which.
type Orders = Arc<Mutex<BTreeMap<String, Vec<u64>>>>;

struct Node {
    shards: Shards,
    address: SocketAddr,
    server: tokio::task::JoinHandle<()>,
}

impl Node {
    async fn start(server: &Server, id: &str, orders: &Orders) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shards = Shards::builder("orders", SHARDS)
            .id(id)
            .address(format!("http://{address}"))
            .lease(LEASE)
            .start(server.client().await.unwrap())
            .await
            .unwrap();
        let customer = |request: &Request| {
            let path = request.uri().path();
            path.strip_prefix("/orders/").map(str::to_owned)
        };
        let http: HttpClient = Client::builder(TokioExecutor::new()).build_http();
        let layer = LeaderOnlyLayer::sharded(shards.clone(), customer)
            .forward(http)
            .wait_up_to(BOUND / 2);
        let router = Router::new()
            .route("/orders/{customer}", post(order))
            .layer(layer)
            .layer(Extension(orders.clone()));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            shards,
            address,
            server,
        }
    }

    async fn stop(&self) {
        self.shards.shutdown().await.unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn order(
    term: Term,
    Extension(shard): Extension<ShardId>,
    Path(customer): Path<String>,
    Extension(orders): Extension<Orders>,
) -> String {
    let mut orders = orders.lock().await;
    orders
        .entry(customer)
        .or_default()
        .push(term.token().into());
    shard.to_string()
}

async fn all_led(nodes: &[&Node]) {
    let led = async || {
        let led: usize = nodes.iter().map(|node| node.shards.owned().len()).sum();
        (led == SHARDS as usize).then_some(())
    };
    eventually("a leader for each shard", BOUND, led)
        .await
        .unwrap();
}

#[tokio::test]
async fn each_request_is_executed_once_while_nodes_join_and_leave() {
    const CUSTOMERS: usize = 50;
    let server = Server::start().await.unwrap();
    let orders = Orders::default();
    let a = Node::start(&server, "a", &orders).await;
    let b = Node::start(&server, "b", &orders).await;
    all_led(&[&a, &b]).await;
    let client: HttpClient = Client::builder(TokioExecutor::new()).build_http();
    let sent = Arc::<Mutex<BTreeMap<String, usize>>>::default();
    let stop = tokio_util::sync::CancellationToken::new();
    let leaves = tokio_util::sync::CancellationToken::new();
    let mut clients = JoinSet::new();
    for customer in 0..CUSTOMERS {
        let (client, stop, sent) = (client.clone(), stop.clone(), sent.clone());
        let leaves = leaves.clone();
        let (addresses, shards) = ([a.address, b.address], a.shards.clone());
        clients.spawn(async move {
            let name = format!("customer-{customer}");
            let expected = shards.of(&name).to_string();
            for turn in 0.. {
                if stop.is_cancelled() {
                    return;
                }
                // The node that leaves and the one that stays, in turn. A load balancer sends nothing to a node that has
                // left.
                let address = match leaves.is_cancelled() {
                    true => addresses[1],
                    false => addresses[(turn + customer) % 2],
                };
                let request = Request::post(format!("http://{address}/orders/{name}"));
                let request = request.body(Body::empty()).unwrap();
                let response = client.request(request).await.unwrap();
                assert_eq!(
                    response.status(),
                    StatusCode::OK,
                    "{:?}",
                    response.headers()
                );
                let body = axum::body::to_bytes(Body::new(response.into_body()), 1024);
                assert_eq!(body.await.unwrap(), expected.as_bytes());
                *sent.lock().await.entry(name.clone()).or_default() += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
    }
    let some = async |least: usize| {
        let count = async || {
            let sent: usize = sent.lock().await.values().sum();
            (sent >= least).then_some(sent)
        };
        eventually("requests", BOUND, count).await.unwrap()
    };
    let before = some(200).await;
    let c = Node::start(&server, "c", &orders).await;
    some(before + 200).await;
    leaves.cancel();
    a.stop().await;
    all_led(&[&b, &c]).await;
    let count = some(0).await;
    some(count + 200).await;
    stop.cancel();
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    let (orders, sent) = (orders.lock().await, sent.lock().await);
    for (customer, tokens) in &*orders {
        assert_eq!(Some(&tokens.len()), sent.get(customer), "{customer}");
        assert!(tokens.is_sorted(), "{customer}: {tokens:?}");
    }
    b.stop().await;
    c.stop().await;
}
