//! Records that would cause forwarding loops: requests end after one hop, and no handler runs.

use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::body::Body;
use http::{Request, Response};
use noleader::LeaderOnlyLayer;
use tokio::net::TcpListener;
use tower::{Layer, service_fn};

use crate::{
    node::{LEASE, Node, settle, soon},
    servers::{PATHS, Proto, Server, client, listen},
};

/// A follower that forwards, and counts the requests that it receives and executes.
struct Counted {
    node: Node,
    server: Server,
    requests: Arc<AtomicUsize>,
    executed: Arc<AtomicUsize>,
}

impl Counted {
    /// A follower that publishes `own`, and believes that the leader is at `leader`.
    async fn start(listener: TcpListener, back: Proto, own: &str, leader: &str) -> Self {
        let node = Node::join("a", &Default::default(), &Default::default(), |builder| {
            builder.address(own)
        })
        .await;
        let record = serde_json::json!({
            "v": 1, "holder": "x", "session": "y", "address": leader,
            "lease_ms": LEASE.as_millis(), "token": 42, "floor": 41, "renewal": 3,
        });
        node.store.memory.overwrite(record.to_string());
        settle().await;
        assert_eq!(node.handle.leader().unwrap().address(), Some(leader));

        let [requests, executed] = [(); 2].map(|()| Arc::<AtomicUsize>::default());
        let count = requests.clone();
        let executes = executed.clone();
        let here = service_fn(move |_: Request<Body>| {
            executes.fetch_add(1, Ordering::SeqCst);
            ready(Ok(Response::new(Body::empty())))
        });
        let layer = LeaderOnlyLayer::new(node.handle.clone()).forward(client::<Body>(back));
        let gated = tower::util::MapRequest::new(layer.layer(here), move |request| {
            count.fetch_add(1, Ordering::SeqCst);
            request
        });
        Self {
            node,
            server: Server::start(listener, gated),
            requests,
            executed,
        }
    }

    fn requests(&self) -> usize {
        assert_eq!(self.executed.load(Ordering::SeqCst), 0);
        assert!(!self.node.handle.is_leader());
        self.requests.swap(0, Ordering::SeqCst)
    }
}

async fn is_rejected(front: Proto, url: &str) {
    let request = Request::post(url).body(Body::from("order")).unwrap();
    let answer = soon(client(front).request(request)).await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["noleader-reason"], "not_leader");
    assert!(answer.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn two_followers_do_not_loop() {
    for (front, back) in PATHS {
        let [(a, to_a), (b, to_b)] = [listen(), listen()];
        let a = Counted::start(a, back, &to_a, &to_b).await;
        let b = Counted::start(b, back, &to_b, &to_a).await;
        is_rejected(front, &a.server.url).await;
        assert_eq!((a.requests(), b.requests()), (1, 1));
        is_rejected(front, &b.server.url).await;
        assert_eq!((a.requests(), b.requests()), (1, 1));
    }
}

/// A node recognizes its own address. Under another name, it forwards the request to itself once.
#[tokio::test]
async fn a_follower_does_not_loop() {
    for (front, back) in PATHS {
        let (listener, own) = listen();
        let other = own.replace("127.0.0.1", "localhost");
        let node = Counted::start(listener, back, &own, &other).await;
        is_rejected(front, &node.server.url).await;
        assert_eq!(node.requests(), 2);

        let (listener, own) = listen();
        let node = Counted::start(listener, back, &own, &format!("{own}/base")).await;
        is_rejected(front, &node.server.url).await;
        assert_eq!(node.requests(), 1);
    }
}
