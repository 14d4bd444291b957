//! Refusals of requests with a large body, which their clients read to the end.

use std::{convert::Infallible, time::Duration};

use ::http::{Request, Response, StatusCode};
use axum::{
    Router,
    body::{Body, Bytes},
    routing::post,
};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use noleader::{LeaderHandle, LeaderOnlyLayer, NotLeader};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tower::{Layer, service_fn};

use crate::{
    cluster::{Cluster, Node, Site, soon},
    http::forwarding_client,
    server::Server,
    uploaders::{self, curl_sent},
};

const LENGTH: usize = 50 * 1024 * 1024;
/// Whether a client sees a broken connection is a matter of luck.
const TRIES: usize = 3;

fn upload() -> Bytes {
    vec![b'x'; LENGTH].into()
}

/// A handler that does not read the body.
async fn too_large() -> (StatusCode, &'static str) {
    (StatusCode::PAYLOAD_TOO_LARGE, "too large")
}

fn app() -> Router {
    Router::new().route("/orders", post(too_large))
}

/// A cluster whose nodes serve the application behind a gate.
async fn cluster(gate: impl Fn(Router, LeaderHandle) -> Router) -> Cluster {
    Cluster::start(|site: Site| Server::axum(site.listener, gate(app(), site.handle))).await
}

fn host(node: &Node) -> &str {
    node.url.strip_prefix("http://").unwrap()
}

/// Sends uploads from each client to a follower.
async fn each_client_reads(follower: &Node, status: u16, text: impl Fn(&str) -> bool) {
    let body = upload();
    for client in uploaders::ALL {
        for _ in 0..TRIES {
            let read = client.post(host(follower), "/orders", &body).await;
            let Some(read) = read else {
                println!("skipped: {client:?} is not installed");
                break;
            };
            assert_eq!(read.status, status, "{client:?}: {read:?}");
            assert!(text(&read.text), "{client:?}: {read:?}");
        }
    }
}

fn not_executed(text: &str) -> bool {
    text.contains("not executed")
}

#[tokio::test]
async fn a_rejection_is_read() {
    let cluster = cluster(|app, handle| app.layer(LeaderOnlyLayer::new(handle))).await;
    each_client_reads(&cluster.nodes[1], 503, not_executed).await;
}

#[tokio::test]
async fn a_redirect_is_read() {
    let cluster = cluster(|app, handle| app.layer(LeaderOnlyLayer::new(handle).redirect())).await;
    each_client_reads(&cluster.nodes[1], 307, str::is_empty).await;
}

#[tokio::test]
async fn the_response_of_a_closure_is_read() {
    let cluster = cluster(|app, handle| {
        let gate = LeaderOnlyLayer::new(handle);
        app.layer(gate.reject_with(|_: NotLeader, _: Request<Body>| {
            let mut response = Response::new(Body::from("elsewhere"));
            *response.status_mut() = StatusCode::MISDIRECTED_REQUEST;
            response
        }))
    })
    .await;
    each_client_reads(&cluster.nodes[1], 421, |text| text == "elsewhere").await;
}

#[tokio::test]
async fn a_rejection_after_a_hold_is_read() {
    let cluster = cluster(|app, handle| {
        let gate = LeaderOnlyLayer::new(handle);
        app.layer(gate.wait_up_to(Duration::from_secs(5)))
    })
    .await;
    each_client_reads(&cluster.nodes[1], 503, not_executed).await;
}

/// The handler on the leader does not read the body, so the leader closes the connection to the follower.
#[tokio::test]
async fn an_early_response_of_the_leader_is_read() {
    let failures = tokio::sync::watch::Sender::new(0);
    let cluster = cluster(|app, handle| {
        let gate = LeaderOnlyLayer::new(handle);
        app.layer(gate.forward(forwarding_client(failures.clone())))
    })
    .await;
    each_client_reads(&cluster.nodes[1], 413, |text| text == "too large").await;
}

/// curl waits for the follower to say `continue`, as it does by itself before a large body.
#[tokio::test]
async fn an_early_response_is_read_by_a_client_that_waits() {
    let failures = tokio::sync::watch::Sender::new(0);
    let cluster = cluster(|app, handle| {
        let gate = LeaderOnlyLayer::new(handle);
        app.layer(gate.forward(forwarding_client(failures.clone())))
    })
    .await;
    let options = ["--http1.1", "-H", "expect: 100-continue"];
    let url = format!("{}/orders", cluster.nodes[1].url);
    for length in [64 * 1024, 1024 * 1024, LENGTH] {
        for _ in 0..TRIES {
            let body = vec![b'x'; length].into();
            let Some((read, _)) = curl_sent(&options, &url, &body).await else {
                println!("skipped: curl is not installed");
                return;
            };
            assert_eq!((read.status, read.text.as_str()), (413, "too large"));
        }
    }
}

/// Serves a gate without axum, so that the request bodies are hyper's.
fn serve_plainly(listener: TcpListener, handle: LeaderHandle) -> Server {
    let inner = service_fn(async |_: Request<Incoming>| {
        Ok::<_, Infallible>(Response::new(Body::from("created")))
    });
    let service = TowerToHyperService::new(LeaderOnlyLayer::new(handle).layer(inner));
    Server::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = service.clone();
            connections.spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                let stream = TokioIo::new(stream);
                // The client detects errors.
                let _ = server.serve_connection(stream, service).await;
            });
        }
    })
}

#[tokio::test]
async fn a_rejection_by_a_hyper_server_is_read() {
    let cluster = Cluster::start(|site| serve_plainly(site.listener, site.handle)).await;
    each_client_reads(&cluster.nodes[1], 503, not_executed).await;
}

#[tokio::test]
async fn a_client_that_waits_sends_nothing() {
    let cluster = cluster(|app, handle| app.layer(LeaderOnlyLayer::new(handle))).await;
    let options = ["--http1.1", "--expect100-timeout", "60"];
    let url = format!("{}/orders", cluster.nodes[1].url);
    let Some((read, sent)) = curl_sent(&options, &url, &upload()).await else {
        println!("skipped: curl is not installed");
        return;
    };
    assert_eq!((read.status, sent), (503, 0), "{}", read.text);
}

/// Sends an upload without an end until the connection breaks, after the response. Returns the number of bytes.
async fn send_until_closed(follower: &Node) -> usize {
    let mut stream = TcpStream::connect(host(follower)).await.unwrap();
    let head = "POST /orders HTTP/1.1\r\nhost: h\r\ncontent-length: 99999999999\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut response = [0; 1024];
    let read = soon(stream.read(&mut response)).await.unwrap();
    assert!(response[..read].starts_with(b"HTTP/1.1 503 "));
    let (chunk, mut sent) = (vec![b'x'; 64 * 1024], 0);
    while let Ok(written) = soon(stream.write(&chunk)).await {
        sent += written;
    }
    sent
}

#[tokio::test]
async fn an_upload_beyond_the_limit_is_cut_off() {
    const LIMIT: u64 = 4 * 1024 * 1024;
    let cluster =
        cluster(|app, handle| app.layer(LeaderOnlyLayer::new(handle).linger(LIMIT, Duration::MAX)))
            .await;
    let sent = send_until_closed(&cluster.nodes[1]).await;
    assert!(sent as u64 > LIMIT, "{sent}");
}

#[tokio::test]
async fn an_upload_that_stalls_is_cut_off() {
    let cluster = cluster(|app, handle| {
        app.layer(LeaderOnlyLayer::new(handle).linger(u64::MAX, Duration::from_millis(20)))
    })
    .await;
    let mut stream = TcpStream::connect(host(&cluster.nodes[1])).await.unwrap();
    let head = "POST /orders HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\nhalf";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    soon(stream.read_to_end(&mut response)).await.unwrap();
    assert!(response.starts_with(b"HTTP/1.1 503 "));
}
