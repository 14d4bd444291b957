//! The nodes of an election, each with a server.

use std::{future::Future, time::Duration};

use axum::Router;
use futures_util::future::select_all;
use noleader::{Builder, LeaderHandle, LeaderOnlyLayer, ReleaseError, Status, store::Memory};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle, time::timeout};
use tower::util::MapRequestLayer;

use crate::{http::forwarding_client, ledger::Ledger, server::Server};

/// How long a request may be held, as in the promise of seamless hand-overs.
pub(crate) const WAIT: Duration = Duration::from_secs(5);

/// The limit for an expected event.
const BOUND: Duration = Duration::from_secs(60);

/// The nodes of one election.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    /// The number of times that a node could not connect to the leader.
    pub(crate) failures: watch::Sender<usize>,
}

pub(crate) struct Node {
    pub(crate) handle: LeaderHandle,
    pub(crate) url: String,
    /// The requests that have reached this node, admitted or not.
    pub(crate) arrived: Ledger,
    pub(crate) server: Server,
}

/// Where a node's server runs, and what it is made of.
pub(crate) struct Site {
    pub(crate) listener: TcpListener,
    pub(crate) handle: LeaderHandle,
    pub(crate) arrived: Ledger,
    failures: watch::Sender<usize>,
}

impl Cluster {
    /// Three nodes, of which the first leads.
    pub(crate) async fn start(serve: impl Fn(Site) -> Server) -> Self {
        Self::with_settings(|builder| builder, serve).await
    }

    /// Three nodes with additional settings, of which the first leads.
    pub(crate) async fn with_settings(
        describe: impl Fn(Builder<Memory>) -> Builder<Memory>,
        serve: impl Fn(Site) -> Server,
    ) -> Self {
        let (store, failures) = (Memory::new(), watch::Sender::new(0));
        let mut nodes: Vec<Node> = Vec::new();
        for id in ["a", "b", "c"] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let builder = LeaderHandle::with_store(store.clone())
                .id(id)
                .address(&url)
                .dangerous_trust_absent_key(true);
            let handle = describe(builder).start().await.unwrap();
            let arrived = Ledger::default();
            let server = serve(Site {
                listener,
                handle: handle.clone(),
                arrived: arrived.clone(),
                failures: failures.clone(),
            });
            let node = Node {
                handle,
                url,
                arrived,
                server,
            };
            let joined = |status: &Status| match status {
                Status::Leader { .. } => id == "a",
                Status::Follower { leader } => leader.is_some() && id != "a",
                _ => false,
            };
            node.until(joined).await;
            nodes.push(node);
        }
        Self { nodes, failures }
    }

    /// Waits until a node leads.
    pub(crate) async fn leader(&self) -> &Node {
        let elected = self
            .nodes
            .iter()
            .map(|node| Box::pin(node.handle.elected()));
        let (term, index, _) = soon(select_all(elected)).await;
        term.unwrap();
        &self.nodes[index]
    }

    /// Waits until a node warms up.
    pub(crate) async fn warming(&self) -> &Node {
        let warming = |status: &Status| *status == Status::Warming;
        let each = self.nodes.iter().map(|node| Box::pin(node.until(warming)));
        let ((), index, _) = select_all(each).await;
        &self.nodes[index]
    }
}

impl Node {
    /// Starts a step-down in the background.
    pub(crate) fn step_down(&self) -> JoinHandle<Result<(), ReleaseError>> {
        let handle = self.handle.clone();
        tokio::spawn(async move { handle.step_down().await })
    }

    /// Starts a shutdown in the background.
    pub(crate) fn shut_down(&self) -> JoinHandle<Result<(), ReleaseError>> {
        let handle = self.handle.clone();
        tokio::spawn(async move { handle.shutdown().await })
    }

    /// Waits until the status matches.
    pub(crate) async fn until(&self, wanted: impl FnMut(&Status) -> bool) {
        soon(self.handle.watch().wait_for(wanted)).await.unwrap();
    }
}

impl Site {
    /// Serves an axum application behind a gate that holds and forwards requests.
    pub(crate) fn serve(self, app: Router) -> Server {
        let gate = LeaderOnlyLayer::new(self.handle)
            .wait_up_to(WAIT)
            .forward(forwarding_client(self.failures));
        let arrived = self.arrived;
        let record = MapRequestLayer::new(move |request: axum::extract::Request| {
            arrived.record(request.headers());
            request
        });
        Server::axum(self.listener, app.layer(gate).layer(record))
    }
}

/// Waits for a future that must resolve.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    timeout(BOUND, future).await.expect("nothing happened")
}
