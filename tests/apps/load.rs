//! Continuous requests to all nodes.

use tokio::{sync::watch, task::JoinHandle};

use crate::{
    cluster::{Node, soon},
    crowd::{Answer, Front, Order, assert_succeeded_once},
    ledger::Ledger,
};

const CLIENTS_PER_NODE: usize = 4;

/// Clients that each send one request after another.
pub(crate) struct Load {
    end: watch::Sender<bool>,
    clients: Vec<JoinHandle<Vec<(String, Answer)>>>,
}

impl Load {
    pub(crate) fn begin(front: &impl Front, nodes: &[Node]) -> Self {
        let end = watch::Sender::new(false);
        let each = nodes.iter().flat_map(|node| {
            (0..CLIENTS_PER_NODE)
                .map(move |client| (node, format!("{}-{client}", node.handle.id())))
        });
        let clients = each
            .map(|(node, name)| {
                let client = send_until(end.subscribe(), front.clone(), node.url.clone(), name);
                tokio::spawn(client)
            })
            .collect();
        Self { end, clients }
    }

    /// Ends the load, and checks that each request succeeded and was executed once.
    pub(crate) async fn succeeded_once(self, executed: &Ledger) {
        self.end.send_replace(true);
        let mut answers = Vec::new();
        for client in self.clients {
            answers.extend(soon(client).await.unwrap());
        }
        assert_succeeded_once(&answers, executed);
    }
}

async fn send_until(
    end: watch::Receiver<bool>,
    front: impl Front,
    url: String,
    name: String,
) -> Vec<(String, Answer)> {
    let mut answers = Vec::new();
    while !*end.borrow() {
        let n = answers.len();
        let order = Order::new(format!("{name}-{n}"), "order".repeat(n % 2));
        let id = order.id.clone();
        answers.push((id, front.clone().send(url.clone(), order).await));
    }
    answers
}
