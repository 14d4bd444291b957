//! Upgraded connections through a follower, which tunnels them to the leader.

use ::http::{
    HeaderMap, Response, StatusCode,
    header::{CONNECTION, UPGRADE},
};
use axum::{
    Router,
    body::Body,
    extract::{self, State},
    response::IntoResponse,
    routing::get,
};
use futures_util::future::{join, join_all};
use hyper::upgrade::{OnUpgrade, Upgraded, on};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
};
use noleader::{Admission, LeaderOnlyLayer};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufStream, split},
    sync::mpsc,
};
use tower::ServiceExt;

use crate::{
    cluster::{Cluster, Node, Site, soon},
    server::Server,
    sockets::Socket,
};

/// Far more than the buffers between client and leader hold.
const MANY: usize = 16 * 1024 * 1024;

type Io = BufStream<TokioIo<Upgraded>>;

/// Switches protocols, and hands the connection to the test.
#[derive(Clone)]
struct Sockets(mpsc::UnboundedSender<Io>);

impl Sockets {
    fn new() -> (Self, mpsc::UnboundedReceiver<Io>) {
        let (sender, sockets) = mpsc::unbounded_channel();
        (Self(sender), sockets)
    }

    fn app(&self) -> Router {
        Router::new()
            .route("/open", get(open))
            .route("/refuse", get(|| async { (StatusCode::FORBIDDEN, "no") }))
            .route("/other", get(|| async { switched("other") }))
            .route("/ordinary", get(ordinary))
            .with_state(self.clone())
    }
}

async fn open(
    State(sockets): State<Sockets>,
    _: Admission,
    mut request: extract::Request,
) -> impl IntoResponse {
    let upgraded: OnUpgrade = on(&mut request);
    tokio::spawn(async move {
        let socket = BufStream::new(TokioIo::new(upgraded.await.unwrap()));
        sockets.0.send(socket).unwrap();
    });
    switched("echo")
}

/// Responds whether the request asks for an upgrade.
async fn ordinary(headers: HeaderMap) -> &'static str {
    match headers.contains_key(UPGRADE) || headers.contains_key(CONNECTION) {
        true => "no",
        false => "ordinary",
    }
}

fn switched(protocol: &'static str) -> impl IntoResponse {
    let headers = [(CONNECTION, "upgrade"), (UPGRADE, protocol)];
    (StatusCode::SWITCHING_PROTOCOLS, headers)
}

/// A leader and two followers, the client's end of a socket through a follower, and the leader's end.
async fn tunnel() -> (Cluster, Socket, Io) {
    let (sockets, mut opened) = Sockets::new();
    let cluster = Cluster::start(|site| site.serve(sockets.app())).await;
    let client = Socket::open(&cluster.nodes[1], "/open").await;
    let leader = soon(opened.recv()).await.unwrap();
    (cluster, client, leader)
}

/// Sends many bytes, and checks as many that arrive.
async fn exchange(socket: impl AsyncRead + AsyncWrite, sent: u8, received: u8) {
    let (mut reader, mut writer) = split(socket);
    let send = async {
        writer.write_all(&vec![sent; MANY]).await.unwrap();
        writer.flush().await.unwrap();
    };
    let receive = async {
        let mut bytes = vec![0; MANY];
        reader.read_exact(&mut bytes).await.unwrap();
        assert!(bytes.iter().all(|byte| *byte == received));
    };
    soon(join(send, receive)).await;
}

#[tokio::test]
async fn both_directions_flow_at_once() {
    let (_cluster, client, leader) = tunnel().await;
    join(exchange(client.0, 1, 2), exchange(leader, 2, 1)).await;
}

#[tokio::test]
async fn a_half_closed_socket_flows_in_the_other_direction() {
    // The client closes its direction first.
    let (_cluster, mut client, mut leader) = tunnel().await;
    client.send("question\n").await;
    client.0.shutdown().await.unwrap();
    let mut read = String::new();
    soon(leader.read_to_string(&mut read)).await.unwrap();
    assert_eq!(read, "question\n");
    leader.write_all(b"answer\n").await.unwrap();
    leader.shutdown().await.unwrap();
    assert_eq!(client.line().await, "answer\n");
    assert_eq!(client.line().await, "");

    // The leader does.
    let (_cluster, mut client, mut leader) = tunnel().await;
    leader.write_all(b"greeting\n").await.unwrap();
    leader.shutdown().await.unwrap();
    assert_eq!(client.line().await, "greeting\n");
    assert_eq!(client.line().await, "");
    client.send("farewell\n").await;
    let mut read = String::new();
    soon(leader.read_line(&mut read)).await.unwrap();
    assert_eq!(read, "farewell\n");
}

#[tokio::test]
async fn a_tunnel_ends_with_its_client() {
    let (_cluster, client, mut leader) = tunnel().await;
    drop(client);
    let mut read = String::new();
    // A reset ends the connection as well.
    let _ = soon(leader.read_line(&mut read)).await;
    assert_eq!(read, "");
}

#[tokio::test]
async fn a_tunnel_is_no_admission_of_its_follower() {
    let (cluster, mut client, mut leader) = tunnel().await;
    let [old, follower, _] = &cluster.nodes[..] else {
        panic!("three nodes");
    };
    // The handler has dropped its admission, so the leader does not wait either.
    soon(old.step_down()).await.unwrap().unwrap();
    soon(follower.handle.shutdown()).await.unwrap();
    client.send("still open\n").await;
    let mut read = String::new();
    soon(leader.read_line(&mut read)).await.unwrap();
    assert_eq!(read, "still open\n");
}

/// The lines of a response's head, and its body of this length.
async fn answered(socket: &mut Socket, path: &str, length: usize) -> (Vec<String>, String) {
    let head = socket.ask(path).await;
    let mut body = vec![0; length];
    soon(socket.0.read_exact(&mut body)).await.unwrap();
    (head, String::from_utf8(body).unwrap())
}

#[tokio::test]
async fn a_refused_upgrade_is_an_ordinary_response() {
    let (sockets, _opened) = Sockets::new();
    let cluster = Cluster::start(|site| site.serve(sockets.app())).await;
    let mut socket = Socket::connect(&cluster.nodes[1]).await;
    // Twice: the connection is still one of HTTP.
    for _ in 0..2 {
        let (head, body) = answered(&mut socket, "/refuse", 2).await;
        assert_eq!((&*head[0], &*body), ("HTTP/1.1 403 Forbidden", "no"));
        assert!(!head.iter().any(|line| line.starts_with("upgrade")));
    }
}

const FAILED: &str =
    "could not upgrade the connection to the leader; the request may have been executed\n";

async fn upgrade_fails(node: &Node, path: &str) {
    let mut socket = Socket::connect(node).await;
    let (head, body) = answered(&mut socket, path, FAILED.len()).await;
    assert_eq!((&*head[0], &*body), ("HTTP/1.1 502 Bad Gateway", FAILED));
    assert!(head.contains(&"noleader-reason: lost".into()), "{head:?}");
}

#[tokio::test]
async fn the_protocol_is_one_that_the_client_asked_for() {
    let (sockets, _opened) = Sockets::new();
    let cluster = Cluster::start(|site| site.serve(sockets.app())).await;
    upgrade_fails(&cluster.nodes[1], "/other").await;
}

/// HTTP/2 has no such upgrades.
#[tokio::test]
async fn an_http2_client_sends_an_ordinary_request() {
    let (sockets, _opened) = Sockets::new();
    let serve = |site: Site| {
        let mut client = Client::builder(TokioExecutor::new());
        let client: Client<_, Body> = client.http2_only(true).build_http();
        let gate = LeaderOnlyLayer::new(site.handle).forward(client);
        Server::axum(site.listener, sockets.app().layer(gate))
    };
    let cluster = Cluster::start(serve).await;
    let mut socket = Socket::connect(&cluster.nodes[1]).await;
    let (head, body) = answered(&mut socket, "/ordinary", "ordinary".len()).await;
    assert_eq!((&*head[0], &*body), ("HTTP/1.1 200 OK", "ordinary"));
}

#[tokio::test]
async fn a_client_without_upgrades_is_reported() {
    let (sockets, _opened) = Sockets::new();
    let serve = |site: Site| {
        let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build_http();
        let without = client.map_response(|mut response: Response<_>| {
            response.extensions_mut().remove::<OnUpgrade>();
            response
        });
        let gate = LeaderOnlyLayer::new(site.handle).forward(without);
        Server::axum(site.listener, sockets.app().layer(gate))
    };
    let cluster = Cluster::start(serve).await;
    upgrade_fails(&cluster.nodes[1], "/open").await;
}

#[tokio::test]
async fn an_upgrade_during_a_hand_over_opens_one_socket() {
    let (sockets, mut opened) = Sockets::new();
    let cluster = Cluster::start(|site| site.serve(sockets.app())).await;
    let [old, followers @ ..] = &cluster.nodes[..] else {
        panic!("three nodes");
    };
    let admission = old.handle.admit().unwrap();
    let stepping_down = old.step_down();
    soon(admission.term().closing().cancelled()).await;
    // One of the followers leads next. It opens its own socket, and the other one a tunnel.
    let asking = followers.iter().map(|node| Socket::open(node, "/open"));
    let hand_over = async {
        old.arrived.until_len(1).await;
        assert!(opened.is_empty(), "the old leader executes no more");
        drop(admission);
        soon(stepping_down).await.unwrap().unwrap();
    };
    let (clients, ()) = join(join_all(asking), hand_over).await;
    for _ in &clients {
        let mut leader = soon(opened.recv()).await.unwrap();
        leader.write_all(b"open\n").await.unwrap();
        leader.shutdown().await.unwrap();
    }
    for mut client in clients {
        assert_eq!(client.line().await, "open\n");
    }
    assert!(opened.is_empty());
}
