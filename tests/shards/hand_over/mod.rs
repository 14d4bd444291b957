//! Planned hand-overs of shards: clients see a delay, and no error, whatever kind of request they send.

mod grpc;
mod http;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use noleader::Shards;
use noleader_fixture::{Server, eventually};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use crate::support::{BOUND, LEASE, SHARDS};

/// The header, or metadata, with the key of a request.
const CUSTOMER: &str = "x-customer";
/// The header, or metadata, with the id of a request.
const ID: &str = "x-id";
const CLIENTS: usize = 8;
/// How long a node serves after it has left, as docs/actions.md advises: its requests may still be under way.
const LINGER: Duration = Duration::from_secs(1);

/// A kind of application and of clients.
trait Front: Clone + Send + Sync + 'static {
    /// Serves a node until `stop`, and notes each execution of a request. Requests in progress then still end.
    fn serve(
        &self,
        shards: Shards,
        listener: TcpListener,
        executed: Ledger,
        stop: CancellationToken,
    ) -> JoinHandle<()>;

    /// Sends a request to a node. The error says what the client has seen.
    fn send(
        self,
        node: SocketAddr,
        order: Order,
    ) -> impl Future<Output = Result<(), String>> + Send;
}

#[derive(Clone, Debug)]
struct Order {
    id: String,
    customer: String,
}

/// How often each request was executed, on all nodes.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<BTreeMap<String, u32>>>);

impl Ledger {
    fn note(&self, id: &str) {
        *self.0.lock().unwrap().entry(id.to_owned()).or_default() += 1;
    }
}

struct Node {
    shards: Shards,
    address: SocketAddr,
    stop: CancellationToken,
    server: JoinHandle<()>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The nodes of a service, and clients that send one request after the other to those that have not begun to leave.
struct Service<F> {
    nats: Server,
    front: F,
    nodes: Vec<Node>,
    /// The nodes to which a load balancer sends requests.
    serving: watch::Sender<Vec<SocketAddr>>,
    executed: Ledger,
    sent: watch::Sender<Vec<String>>,
    clients: JoinSet<()>,
    stop: CancellationToken,
}

impl<F: Front> Service<F> {
    /// Starts two nodes that lead all shards, and clients.
    async fn start(front: F) -> Self {
        let mut service = Self {
            nats: Server::start().await.unwrap(),
            front,
            nodes: Vec::new(),
            serving: watch::Sender::default(),
            executed: Ledger::default(),
            sent: watch::Sender::default(),
            clients: JoinSet::new(),
            stop: CancellationToken::new(),
        };
        for id in ["a", "b"] {
            service.start_node(id).await;
        }
        service.all_led().await;
        for client in 0..CLIENTS {
            service.start_client(client);
        }
        service
    }

    async fn start_node(&mut self, id: &str) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shards = Shards::builder("orders", SHARDS)
            .id(id)
            .address(format!("http://{address}"))
            .lease(LEASE)
            .start(self.nats.client().await.unwrap())
            .await
            .unwrap();
        let (executed, stop) = (self.executed.clone(), CancellationToken::new());
        let server = self
            .front
            .serve(shards.clone(), listener, executed, stop.clone());
        self.nodes.push(Node {
            shards,
            address,
            stop,
            server,
        });
        self.serving.send_modify(|serving| serving.push(address));
    }

    fn start_client(&mut self, client: usize) {
        let (front, serving, sent) = (self.front.clone(), self.serving.clone(), self.sent.clone());
        let stop = self.stop.clone();
        self.clients.spawn(async move {
            for turn in 0.. {
                if stop.is_cancelled() {
                    return;
                }
                let order = Order {
                    id: format!("{client}-{turn}"),
                    // Each client has customers of its own.
                    customer: format!("customer-{client}-{}", turn % 7),
                };
                loop {
                    let node = {
                        let serving = serving.borrow();
                        serving[(client + turn) % serving.len()]
                    };
                    let answer = front.clone().send(node, order.clone());
                    let answer = tokio::time::timeout(BOUND, answer).await;
                    let Err(seen) = answer.unwrap_or_else(|_| panic!("{order:?}: no response"))
                    else {
                        break;
                    };
                    // The node was chosen before it began to leave, and the request came in after it had left.
                    let is_late = seen.contains("\"stopped\"") && !serving.borrow().contains(&node);
                    assert!(is_late, "{order:?}: {seen}");
                }
                sent.send_modify(|sent| sent.push(order.id));
            }
        });
    }

    /// A node leaves, once the load balancer sends it nothing more.
    async fn stop_node(&mut self, id: &str) {
        let index = self.nodes.iter().position(|node| node.shards.id() == id);
        let mut node = self.nodes.remove(index.unwrap());
        self.serving
            .send_modify(|serving| serving.retain(|address| *address != node.address));
        node.shards.shutdown().await.unwrap();
        tokio::time::sleep(LINGER).await;
        node.stop.cancel();
        (&mut node.server).await.unwrap();
    }

    async fn all_led(&self) {
        let led = async || {
            let led = self.nodes.iter().map(|node| node.shards.owned().len());
            (led.clone().sum::<usize>() == SHARDS as usize && led.min() > Some(0)).then_some(())
        };
        eventually("a part for each node", BOUND, led)
            .await
            .unwrap();
    }

    /// Waits for this many responses more, or for a client that has failed.
    async fn responses(&mut self, more: usize) {
        let mut sent = self.sent.subscribe();
        let wanted = sent.borrow().len() + more;
        let enough = tokio::time::timeout(BOUND, sent.wait_for(|sent| sent.len() >= wanted));
        tokio::select! {
            biased;
            Some(client) = self.clients.join_next() => client.unwrap(),
            enough = enough => drop(enough.expect("responses within the bound").unwrap()),
        }
    }

    /// Checks that each request was answered, and executed once.
    async fn succeeded_once(mut self) {
        self.stop.cancel();
        while let Some(client) = self.clients.join_next().await {
            client.unwrap();
        }
        let (sent, executed) = (self.sent.borrow(), self.executed.0.lock().unwrap());
        for id in &*sent {
            assert_eq!(executed.get(id), Some(&1), "{id}");
        }
        assert_eq!(sent.len(), executed.len());
    }
}

/// Nodes join, leave, and are replaced one after the other, by processes under the same ids.
async fn nodes_come_and_go(front: impl Front) {
    const SOME: usize = 40;
    let mut service = Service::start(front).await;
    service.responses(SOME).await;
    service.start_node("c").await;
    service.all_led().await;
    service.responses(SOME).await;
    service.stop_node("a").await;
    service.all_led().await;
    service.responses(SOME).await;
    for id in ["b", "c"] {
        service.stop_node(id).await;
        service.start_node(id).await;
        service.all_led().await;
        service.responses(SOME).await;
    }
    service.succeeded_once().await;
}
