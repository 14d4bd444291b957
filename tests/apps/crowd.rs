//! Many requests at once, to all nodes, and their answers.

use std::{collections::BTreeMap, future::Future};

use tokio::task::JoinHandle;

use crate::{
    cluster::{Node, soon},
    ledger::Ledger,
};

const PER_NODE: usize = 20;

/// How requests reach a node.
pub(crate) trait Front: Clone + Send + 'static {
    fn send(self, url: String, order: Order) -> impl Future<Output = Answer> + Send;
}

/// A request with an id of its own.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) id: String,
    pub(crate) path: &'static str,
    pub(crate) body: Vec<u8>,
    pub(crate) is_slow: bool,
}

impl Order {
    pub(crate) fn new(id: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self {
            id: id.into(),
            path: "/orders",
            body: body.into(),
            is_slow: false,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) ok: bool,
    /// The HTTP status or the gRPC code.
    pub(crate) code: i32,
    pub(crate) text: String,
}

impl Answer {
    /// The end of a request without a response.
    pub(crate) fn error(text: String) -> Self {
        Self {
            ok: false,
            code: 0,
            text,
        }
    }
}

/// Sends a request to a node, in the background.
pub(crate) fn send(front: &impl Front, node: &Node, order: Order) -> JoinHandle<Answer> {
    tokio::spawn(front.clone().send(node.url.clone(), order))
}

/// Requests in progress.
pub(crate) struct Crowd(Vec<(String, JoinHandle<Answer>)>);

impl Crowd {
    /// Sends requests to all nodes, and returns once each has reached its node.
    pub(crate) async fn arrive(name: &str, front: &impl Front, nodes: &[Node]) -> Self {
        let mut sent = Vec::new();
        for node in nodes {
            let id = node.handle.id();
            let orders: Vec<_> = (0..PER_NODE)
                .map(|n| Order::new(format!("{name}-{id}-{n}"), "order".repeat(n % 2)))
                .collect();
            let ids: Vec<_> = orders.iter().map(|order| order.id.clone()).collect();
            let answers = orders.into_iter().map(|order| send(front, node, order));
            sent.extend(ids.iter().cloned().zip(answers));
            node.arrived.until_all(&ids).await;
        }
        Self(sent)
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.0.iter().map(|(id, _)| id.clone()).collect()
    }

    /// Checks that each request succeeds and was executed once.
    pub(crate) async fn succeeds_once(self, executed: &Ledger) {
        let mut answers = Vec::new();
        for (id, answer) in self.0 {
            answers.push((id, soon(answer).await.unwrap()));
        }
        assert_succeeded_once(&answers, executed);
    }
}

pub(crate) fn assert_succeeded_once(answers: &[(String, Answer)], executed: &Ledger) {
    let (mut failures, mut executions) = (BTreeMap::new(), BTreeMap::new());
    for (id, answer) in answers {
        if !answer.ok {
            let failure = format!("{} {}", answer.code, answer.text.trim_end());
            *failures.entry(failure).or_insert(0) += 1;
        }
        *executions.entry(executed.times(id)).or_insert(0) += 1;
    }
    assert!(!answers.is_empty());
    assert!(
        failures.is_empty() && executions.keys().eq(&[1]),
        "of {} requests failed: {failures:?}; executions and number of requests: {executions:?}",
        answers.len()
    );
}
