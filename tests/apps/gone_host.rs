//! A leader whose host refuses connections.

use crate::{
    cluster::{Cluster, soon},
    crowd::{Crowd, Order, send},
    http::Http,
    orders::Orders,
};

/// No connection to the leader's host is open, so that each request is certain not to have reached it.
#[tokio::test]
async fn requests_for_a_gone_leader_succeed_once() {
    let (orders, front) = (Orders::default(), Http::default());
    let mut cluster = Cluster::start(|site| site.serve(orders.app())).await;
    let gone = cluster.nodes.remove(0);
    gone.server.stop().await;
    let crowd = Crowd::arrive("held", &front, &cluster.nodes).await;
    let mut failures = cluster.failures.subscribe();
    soon(failures.wait_for(|count| *count > 0)).await.unwrap();
    assert_eq!(cluster.nodes[0].handle.leader().unwrap().id(), "a");
    // The last handle leaves the election.
    drop(gone.handle);
    crowd.succeeds_once(&orders.executed).await;
    assert_ne!(cluster.leader().await.handle.id(), "a");
}

/// The request may have been executed when its connection breaks.
#[tokio::test]
async fn a_request_in_progress_is_not_repeated() {
    let (orders, front) = (Orders::default(), Http::default());
    let mut cluster = Cluster::start(|site| site.serve(orders.app())).await;
    let order = Order {
        is_slow: true,
        ..Order::new("broken", "order")
    };
    let answer = send(&front, &cluster.nodes[1], order);
    orders.has_begun().await;
    let gone = cluster.nodes.remove(0);
    gone.server.stop().await;
    drop(gone.handle);
    cluster.leader().await;
    let answer = soon(answer).await.unwrap();
    assert_eq!(answer.code, 502, "{answer:?}");
    assert_eq!(orders.executed.times("broken"), 1);
}
