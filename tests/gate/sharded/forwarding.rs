//! Requests are forwarded to the leader of their shard, over sockets.

use std::time::Duration;

use axum::{Router, body::Body};
use http::{Request, Response};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{net::TcpListener, task::JoinSet};

use super::cluster::{ADDRESSES, Cluster, app, post, send, text};
use crate::node::{released, soon};

const LONG: Duration = Duration::from_secs(600);

/// A server for each node of a cluster.
struct Servers {
    cluster: Cluster,
    urls: Vec<String>,
    client: Client<HttpConnector, Body>,
    /// The servers end with it.
    _running: JoinSet<()>,
}

impl Servers {
    async fn led_by(leaders: &[Option<usize>]) -> Self {
        let mut listeners = Vec::new();
        for _ in 0..ADDRESSES.len() {
            listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
        }
        let url = |listener: &TcpListener| format!("http://{}", listener.local_addr().unwrap());
        let urls: Vec<_> = listeners.iter().map(url).collect();
        let addresses: Vec<_> = urls.iter().map(String::as_str).collect();
        let cluster = Cluster::led_by(leaders, &addresses).await;
        let client = Client::builder(TokioExecutor::new()).build_http();
        let mut running = JoinSet::new();
        for (node, listener) in listeners.into_iter().enumerate() {
            let gate = cluster.gate(node).wait_up_to(LONG).forward(client.clone());
            let app: Router = app(node).layer(gate);
            running.spawn(async move { axum::serve(listener, app).await.unwrap() });
        }
        Self {
            cluster,
            urls,
            client,
            _running: running,
        }
    }

    /// Sends a request to a node, and returns what the response says.
    fn ask(&self, node: usize, path: &str) -> impl Future<Output = String> + use<> {
        let uri = format!("{}{path}", self.urls[node]);
        let sent = self.client.request(post(&uri));
        async move { text(soon(sent).await.unwrap().map(Body::new)).await }
    }
}

#[tokio::test]
async fn a_request_reaches_the_leader_of_its_shard_from_every_node() {
    let servers = Servers::led_by(&[Some(0), Some(1), Some(2)]).await;
    for node in 0..3 {
        for (shard, served) in ["a leads 0", "b leads 1", "c leads 2"].iter().enumerate() {
            let path = format!("/shards/{shard}");
            assert_eq!(servers.ask(node, &path).await, *served, "{node}");
        }
        let refused = servers.ask(node, "/").await;
        assert!(refused.starts_with("the request has no key"), "{refused}");
    }
}

/// Whichever node it came in at, and while the other shards are served.
#[tokio::test]
async fn a_hand_over_of_one_shard_is_a_delay_for_its_requests() {
    let servers = Servers::led_by(&[Some(0), Some(0), Some(2)]).await;
    let cluster = &servers.cluster;
    let next = [1, 2].map(|node| cluster.candidate(node, 0));
    let (admission, stepped_down) = cluster.candidate(0, 0).drain().await;
    let held: Vec<_> = (0..3)
        .map(|node| tokio::spawn(servers.ask(node, "/shards/0")))
        .collect();
    for node in 0..3 {
        assert_eq!(servers.ask(node, "/shards/1").await, "a leads 1");
        assert_eq!(servers.ask(node, "/shards/2").await, "c leads 2");
    }
    assert!(held.iter().all(|held| !held.is_finished()));
    drop(admission);
    released(stepped_down).await;
    for held in held {
        let answer = soon(held).await.unwrap();
        let leads = next.map(|candidate| candidate.handle.is_leader());
        let expected = match leads {
            [true, false] => "b leads 0",
            [false, true] => "c leads 0",
            both => panic!("{both:?}"),
        };
        assert_eq!(answer, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn the_mark_names_the_shard() {
    let cluster = Cluster::led_by(&[Some(1), Some(1)], &ADDRESSES[..2]).await;
    let (sender, mut marks) = tokio::sync::mpsc::unbounded_channel();
    let client = tower::service_fn(move |request: Request<Body>| {
        let mark = request.headers()["noleader-forwarded"].to_str().unwrap();
        sender.send(mark.to_owned()).unwrap();
        std::future::ready(Ok::<_, std::convert::Infallible>(Response::new(
            Body::empty(),
        )))
    });
    let app = app(0).layer(cluster.gate(0).forward(client));
    for shard in ["0", "1"] {
        send(&app, post(&format!("/shards/{shard}"))).await;
        let mark = marks.recv().await.unwrap();
        let parts: Vec<_> = mark.split(' ').collect();
        assert_eq!(
            [parts[0], parts[1], parts[4]],
            ["orders/shards", "1", shard]
        );
        assert_eq!(parts.len(), 5);
    }
}
