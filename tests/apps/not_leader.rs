//! A handler that does its work, and then returns the `NotLeader` of another election.

use ::http::{HeaderMap, header::CONTENT_LENGTH};
use axum::{Router, extract::State, routing::any};
use noleader::{LeaderHandle, NotLeader, store::Memory};

use crate::{
    cluster::{Cluster, soon},
    crowd::{Order, send},
    drain::Drain,
    http::Http,
    orders::Orders,
};

#[derive(Clone)]
struct Refusing {
    orders: Orders,
    elsewhere: LeaderHandle,
}

/// Returns the headers of the request with the error, which would echo a mark of the gate.
async fn refuse(
    State(app): State<Refusing>,
    mut headers: HeaderMap,
) -> Result<(), (HeaderMap, NotLeader)> {
    app.orders.execute(&headers).await;
    headers.remove(CONTENT_LENGTH);
    let admitted = app.elsewhere.admit();
    admitted.map(drop).map_err(|error| (headers, error))
}

async fn cluster(orders: &Orders) -> Cluster {
    let elsewhere = LeaderHandle::with_store(Memory::new()).observe();
    let app = Refusing {
        orders: orders.clone(),
        elsewhere: elsewhere.start().await.unwrap(),
    };
    Cluster::start(|site| {
        let routes = Router::new().route("/refused", any(refuse).with_state(app.clone()));
        site.serve(routes.merge(orders.app()))
    })
    .await
}

fn refused(id: String) -> Order {
    Order {
        path: "/refused",
        ..Order::new(id, "order")
    }
}

#[tokio::test]
async fn a_handlers_not_leader_is_not_retried() {
    let (orders, front) = (Orders::default(), Http::default());
    let cluster = cluster(&orders).await;
    for node in &cluster.nodes {
        let id = format!("at-{}", node.handle.id());
        let answer = soon(send(&front, node, refused(id.clone()))).await.unwrap();
        assert_eq!(answer.code, 503, "{answer:?}");
        assert_eq!(orders.executed.times(&id), 1);
    }
}

#[tokio::test]
async fn a_handlers_not_leader_after_a_hold_is_not_retried() {
    let (orders, front) = (Orders::default(), Http::default());
    let cluster = cluster(&orders).await;
    let drain = Drain::begin(&front, &cluster.nodes[0], &orders).await;
    let mut sent = Vec::new();
    for node in &cluster.nodes {
        let id = format!("at-{}", node.handle.id());
        sent.push((id.clone(), send(&front, node, refused(id.clone()))));
        node.arrived.until_all(&[id]).await;
    }
    drain.end().await;
    for (id, answer) in sent {
        let answer = soon(answer).await.unwrap();
        assert_eq!(answer.code, 503, "{answer:?}");
        assert_eq!(orders.executed.times(&id), 1, "{id}: {answer:?}");
    }
}
