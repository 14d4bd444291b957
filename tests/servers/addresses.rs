//! Malformed and hostile leader addresses in the bucket: none may reach a header or a socket.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_nats::jetstream::{self, kv};
use axum::{Router, body::Body, routing::post};
use http::Version;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use noleader::{Builder, LeaderHandle, LeaderOnlyLayer};
use noleader_fixture::Server;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};

use crate::{
    node,
    support::{BOUND, candidate, follows, start},
};

const ROUTES: [&str; 3] = ["/reject", "/redirect", "/forward"];

/// A port that counts its connections.
struct Trap {
    address: String,
    calls: Arc<AtomicUsize>,
    called: mpsc::UnboundedReceiver<()>,
}

impl Trap {
    async fn set() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let calls = Arc::<AtomicUsize>::default();
        let (sender, called) = mpsc::unbounded_channel();
        let counted = calls.clone();
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counted.fetch_add(1, Ordering::SeqCst);
                let _ = sender.send(());
            }
        });
        Self {
            address,
            calls,
            called,
        }
    }

    /// The number of connections so far. It connects once itself and waits until that connection is counted, so
    /// that every earlier one has been counted too.
    async fn calls(&mut self) -> usize {
        let before = self.calls.load(Ordering::SeqCst);
        let _own = TcpStream::connect(&self.address).await.unwrap();
        for _ in 0..=before {
            timeout(BOUND, self.called.recv()).await.unwrap().unwrap();
        }
        self.calls.load(Ordering::SeqCst) - 1
    }
}

/// A node that rejects, redirects and forwards, and that reveals the leader's address.
struct Front {
    handle: LeaderHandle,
    url: String,
}

impl Front {
    async fn serve(server: &Server, builder: Builder) -> Self {
        let handle = start(server, builder).await;
        let layer = || LeaderOnlyLayer::new(handle.clone()).reveal_leader(true);
        let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
        let here = || post(async || "here");
        let app = Router::new()
            .route("/reject", here().layer(layer()))
            .route("/redirect", here().layer(layer().redirect()))
            .route("/forward", here().layer(layer().forward(client)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { handle, url }
    }

    /// Puts a record with this address into the bucket, and waits until the node follows that leader.
    async fn sees(&self, bucket: &kv::Store, id: &str, address: &str) {
        let record = serde_json::json!({
            "v": 1, "holder": id, "session": "y", "address": address,
            "lease_ms": 600_000, "token": 42, "floor": 41, "renewal": 3,
        });
        let record = record.to_string().into();
        bucket.put("writer", record).await.unwrap();
        follows(&self.handle, id).await;
    }

    /// Asserts that no header of any response contains the address.
    async fn keeps_to_itself(&self, id: &str, address: &str) {
        for route in ROUTES {
            let answer = node::post(format!("{}{route}", self.url), Version::HTTP_11).await;
            let what = format!("{route} {address:?}: {answer:?}");
            assert_eq!(answer.status(), 503, "{what}");
            let headers = answer.headers();
            assert_eq!(headers["noleader-leader"], id, "{what}");
            assert_eq!(headers["noleader-reason"], "not_leader", "{what}");
            for name in ["location", "noleader-leader-address", "set-cookie"] {
                assert!(!headers.contains_key(name), "{name}: {what}");
            }
        }
    }
}

#[tokio::test]
async fn bad_address_reaches_no_header_and_no_socket() {
    let server = Server::start().await.unwrap();
    let (mut own, mut other) = (Trap::set().await, Trap::set().await);
    let address = format!("http://{}", own.address);
    let node = |id| candidate(id).address(address.clone());
    let follower = Front::serve(&server, node("follower")).await;
    let observer = Front::serve(&server, node("observer").observe()).await;
    let context = jetstream::new(server.client().await.unwrap());
    let bucket = context.get_key_value("elections").await.unwrap();

    let addresses = [
        String::new(),
        "no uri".to_owned(),
        other.address.clone(),
        "/relative".to_owned(),
        format!("//{}", other.address),
        format!("ftp://{}", other.address),
        format!("nats://{}", other.address),
        format!("javascript://{}/%0aalert(1)", other.address),
        format!("http://user@{}", other.address),
        format!("http://user:password@{}", other.address),
        format!("http://{}/\r\nset-cookie: a=b", other.address),
        format!("http://{}/\nset-cookie: a=b", other.address),
        format!("http://{}\0/", other.address),
        address.clone(),
        format!("HTTP://{}/", own.address),
        format!("http://{}/base?query", own.address),
    ];
    for (number, bad) in addresses.iter().enumerate() {
        let id = format!("x{number}");
        for front in [&follower, &observer] {
            front.sees(&bucket, &id, bad).await;
            front.keeps_to_itself(&id, bad).await;
        }
    }
    assert_eq!((own.calls().await, other.calls().await), (0, 0));
}

#[tokio::test]
async fn good_address_reaches_header_and_socket() {
    let server = Server::start().await.unwrap();
    let (own, mut other) = (Trap::set().await, Trap::set().await);
    let node = candidate("follower").address(format!("http://{}", own.address));
    let follower = Front::serve(&server, node).await;
    let context = jetstream::new(server.client().await.unwrap());
    let bucket = context.get_key_value("elections").await.unwrap();
    let good = format!("http://{}", other.address);
    follower.sees(&bucket, "x", &good).await;
    let [reject, redirect, forward] = ROUTES.map(|route| format!("{}{route}", follower.url));

    let answer = node::post(reject, Version::HTTP_11).await;
    assert_eq!(answer.headers()["noleader-leader-address"], good);
    let answer = node::post(redirect, Version::HTTP_11).await;
    assert_eq!(answer.headers()["location"], format!("{good}/redirect"));
    // The trap accepts the connection and closes it.
    let answer = node::post(forward, Version::HTTP_11).await;
    assert_eq!(answer.status(), 502);
    assert!(other.calls().await > 0);
}
