//! Planned hand-overs: clients see a delay, not an error.

use std::time::Duration;

use noleader::{Builder, Status, store::Memory};

use crate::{
    cluster::{Cluster, Node, Site, soon},
    crowd::{Crowd, Front},
    drain::Drain,
    grpc::{self, Tonic},
    http::Http,
    load::Load,
    orders::Orders,
    server::Server,
};

#[tokio::test]
async fn requests_during_a_drain_succeed_once() {
    let orders = Orders::default();
    drain_under_load(&Http::default(), &orders, |site| site.serve(orders.app())).await;
}

#[tokio::test]
async fn grpc_calls_during_a_drain_succeed_once() {
    let orders = Orders::default();
    drain_under_load(&Tonic, &orders, |site| grpc::serve(site, &orders)).await;
}

async fn drain_under_load(front: &impl Front, orders: &Orders, serve: impl Fn(Site) -> Server) {
    let cluster = Cluster::start(serve).await;
    let drain = Drain::begin(front, &cluster.nodes[0], orders).await;
    let early = Crowd::arrive("early", front, &cluster.nodes).await;
    drain.end().await;
    let late = Crowd::arrive("late", front, &cluster.nodes).await;
    early.succeeds_once(&orders.executed).await;
    late.succeeds_once(&orders.executed).await;
}

/// The node goes on serving after it has left the election.
#[tokio::test]
async fn requests_during_a_shutdown_succeed_once() {
    let (orders, front) = (Orders::default(), Http::default());
    let cluster = Cluster::start(|site| site.serve(orders.app())).await;
    let leader = &cluster.nodes[0];
    let drain = Drain::begin_with(&front, leader, &orders, Node::shut_down).await;
    let early = Crowd::arrive("early", &front, &cluster.nodes).await;
    drain.end().await;
    assert_eq!(leader.handle.status(), Status::Stopped);
    let late = Crowd::arrive("late", &front, &cluster.nodes).await;
    early.succeeds_once(&orders.executed).await;
    late.succeeds_once(&orders.executed).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_during_ten_hand_overs_succeed_once() {
    let orders = Orders::default();
    ten_under_load(&Http::default(), &orders, |site| site.serve(orders.app())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpc_calls_during_ten_hand_overs_succeed_once() {
    let orders = Orders::default();
    ten_under_load(&Tonic, &orders, |site| grpc::serve(site, &orders)).await;
}

/// The lease is short, because a node that has stepped down does not campaign for half of it.
async fn ten_under_load(front: &impl Front, orders: &Orders, serve: impl Fn(Site) -> Server) {
    const HAND_OVERS: usize = 10;
    const REQUESTS_PER_TERM: usize = 50;
    let short = |builder: Builder<Memory>| builder.lease(Duration::from_secs(1));
    let cluster = Cluster::with_settings(short, serve).await;
    let load = Load::begin(front, &cluster.nodes);
    for _ in 0..HAND_OVERS {
        let leader = cluster.leader().await;
        let executed = orders.executed.len();
        orders
            .executed
            .until_len(executed + REQUESTS_PER_TERM)
            .await;
        soon(leader.step_down()).await.unwrap().unwrap();
    }
    load.succeeded_once(&orders.executed).await;
}
