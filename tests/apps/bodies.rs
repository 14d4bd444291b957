//! Bodies that a follower can or cannot send a second time.

use ::http::Request;
use axum::body::Bytes;
use http_body_util::{BodyExt, channel::Channel};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};

use crate::{
    cluster::{Cluster, soon},
    crowd::{Answer, Order, send},
    drain::Drain,
    http::Http,
    ledger::ID,
    orders::Orders,
};

/// The default limit of a body that is sent again.
const LIMIT: usize = 64 * 1024;

/// Sends a body to each node while the leader drains, and returns the orders with their answers.
async fn sent_during_a_drain(orders: &Orders, body: &[u8]) -> Vec<(Order, Answer)> {
    let front = Http::default();
    let cluster = Cluster::start(|site| site.serve(orders.app())).await;
    let drain = Drain::begin(&front, &cluster.nodes[0], orders).await;
    let mut sent = Vec::new();
    for node in &cluster.nodes {
        let order = Order::new(format!("at-{}", node.handle.id()), body);
        sent.push((order.clone(), send(&front, node, order.clone())));
        node.arrived.until_all(&[order.id]).await;
    }
    drain.end().await;
    let mut answers = Vec::new();
    for (order, answer) in sent {
        answers.push((order, soon(answer).await.unwrap()));
    }
    answers
}

fn body(length: usize) -> Vec<u8> {
    (b'a'..=b'z').cycle().take(length).collect()
}

#[tokio::test]
async fn a_body_within_the_limit_arrives_whole() {
    let (orders, body) = (Orders::default(), body(LIMIT - 1));
    for (order, answer) in sent_during_a_drain(&orders, &body).await {
        let text = &answer.text[..answer.text.len().min(100)];
        assert!(answer.ok, "{}: {} {text}", order.id, answer.code);
        assert!(answer.text.as_bytes() == body, "{}", order.id);
        assert_eq!(orders.executed.times(&order.id), 1, "{}", order.id);
    }
}

#[tokio::test]
async fn a_larger_body_is_executed_or_refused() {
    let (orders, body) = (Orders::default(), body(16 * LIMIT));
    for (order, answer) in sent_during_a_drain(&orders, &body).await {
        let executed = orders.executed.times(&order.id);
        if answer.ok {
            assert!(answer.text.as_bytes() == body, "{}", order.id);
            assert_eq!(executed, 1, "{}", order.id);
        } else {
            assert_eq!(answer.code, 503, "{}", order.id);
            assert!(
                answer.text.contains("not executed"),
                "{}: {}",
                order.id,
                answer.text
            );
            assert_eq!(executed, 0, "{}", order.id);
        }
    }
}

/// The client has sent half of its body when the leader refuses the request.
#[tokio::test]
async fn a_half_sent_body_arrives_whole() {
    let (orders, front) = (Orders::default(), Http::default());
    let cluster = Cluster::start(|site| site.serve(orders.app())).await;
    let drain = Drain::begin(&front, &cluster.nodes[0], &orders).await;
    let client: Client<_, Channel<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let mut sent = Vec::new();
    for node in &cluster.nodes {
        let (mut body, channel) = Channel::<Bytes>::new(1);
        body.send_data("half".into()).await.unwrap();
        let id = format!("at-{}", node.handle.id());
        let request = Request::post(format!("{}/orders", node.url)).header(ID, &id);
        let response = client.request(request.body(channel).unwrap());
        sent.push((id.clone(), body, tokio::spawn(response)));
        node.arrived.until_all(&[id]).await;
    }
    drain.end().await;
    for (id, mut body, response) in sent {
        // A refusal ends the body early.
        let _ = body.send_data(" and half".into()).await;
        drop(body);
        let response = soon(response).await.unwrap().unwrap();
        assert_eq!(response.status(), 200, "{id}");
        let text = soon(response.into_body().collect()).await.unwrap();
        assert_eq!(text.to_bytes(), "half and half", "{id}");
        assert_eq!(orders.executed.times(&id), 1, "{id}");
    }
}
