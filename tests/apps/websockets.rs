//! WebSockets over HTTP/1.1, and over HTTP/2 by an extended CONNECT.

use ::http::{Request, Response};
use axum::{
    Router,
    body::Body,
    extract::{
        WebSocketUpgrade,
        ws::{self, WebSocket},
    },
    response::IntoResponse,
    routing::any,
};
use futures_util::{SinkExt, StreamExt};
use http_body_util::BodyExt;
use hyper::{body::Incoming, client::conn::http2, ext::Protocol};
use hyper_util::rt::{TokioExecutor, TokioIo};
use noleader::{Admission, LeaderOnlyLayer};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest, protocol::Role},
};

use crate::{
    cluster::{Cluster, Node, Site, soon},
    http::forwarding_client,
    ledger::ID,
    server::Server,
    streams::{hand_over_at_once, long_drain},
};

/// Over HTTP/2, the request is not a `GET`.
fn app() -> Router {
    Router::new()
        .route("/chat", any(chat))
        .route("/", any(|| async { "here" }))
}

async fn chat(upgrade: WebSocketUpgrade, admission: Option<Admission>) -> impl IntoResponse {
    upgrade.on_upgrade(|socket| echo(socket, admission))
}

/// Returns each message, and closes once the gate has closed.
async fn echo(mut socket: WebSocket, admission: Option<Admission>) {
    let admitted = admission.is_some();
    let closing = admission
        .as_ref()
        .map(|a| a.term().closing())
        .unwrap_or_default();
    while let Some(Some(Ok(message))) = closing.run_until_cancelled(socket.recv()).await {
        if let ws::Message::Text(text) = message {
            let text = format!("{text}, admitted: {admitted}");
            socket.send(text.into()).await.unwrap();
        }
    }
    let _ = socket.send(ws::Message::Close(None)).await;
}

type Answer<T> = Result<T, Box<Response<String>>>;

/// Opens a WebSocket over HTTP/1.1.
async fn open(node: &Node) -> Answer<WebSocketStream<TcpStream>> {
    let address = node.url.strip_prefix("http://").unwrap();
    let mut request = format!("ws://{address}/chat")
        .into_client_request()
        .unwrap();
    request.headers_mut().insert(ID, "chat".parse().unwrap());
    let stream = TcpStream::connect(address).await.unwrap();
    match soon(client_async(request, stream)).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => {
            let text = |body: Option<Vec<u8>>| String::from_utf8(body.unwrap_or_default()).unwrap();
            Err(Box::new(response.map(text)))
        }
        Err(error) => panic!("{error}"),
    }
}

type Http2 = http2::SendRequest<Body>;

/// A connection on which the server has said that it takes an extended CONNECT.
async fn connect(node: &Node) -> Http2 {
    let address = node.url.strip_prefix("http://").unwrap();
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), stream)
        .await
        .unwrap();
    tokio::spawn(async move {
        let _ = connection.await;
    });
    // The settings precede every response.
    let request = Request::get(&node.url).header(ID, "first");
    let first = client.send_request(request.body(Body::empty()).unwrap());
    drop(soon(first).await.unwrap());
    client
}

/// Opens a WebSocket over HTTP/2.
async fn open_http2(node: &Node) -> Answer<WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>> {
    let request = Request::connect(format!("{}/chat", node.url))
        .extension(Protocol::from_static("websocket"))
        .header("sec-websocket-version", "13")
        .header(ID, "chat")
        .body(Body::empty())
        .unwrap();
    let response: Response<Incoming> = soon(connect(node).await.send_request(request))
        .await
        .unwrap();
    if response.status() != 200 {
        let (head, body) = response.into_parts();
        let text = soon(body.collect()).await.unwrap().to_bytes();
        let text = String::from_utf8(text.into()).unwrap();
        return Err(Box::new(Response::from_parts(head, text)));
    }
    let upgraded = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    Ok(WebSocketStream::from_raw_socket(upgraded, Role::Client, None).await)
}

/// The next message, or none at the end.
async fn next<S>(socket: &mut WebSocketStream<S>) -> Option<String>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    match soon(socket.next()).await.unwrap().unwrap() {
        Message::Text(text) => Some(text.to_string()),
        Message::Close(_) => None,
        other => panic!("{other:?}"),
    }
}

async fn echoes<S>(socket: &mut WebSocketStream<S>, admitted: bool)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    socket.send("hello".into()).await.unwrap();
    let expected = format!("hello, admitted: {admitted}");
    assert_eq!(next(socket).await, Some(expected));
}

#[tokio::test]
async fn websockets_through_every_node_end_with_the_gate() {
    let cluster = Cluster::with_settings(long_drain, |site| site.serve(app())).await;
    let mut sockets = Vec::new();
    for node in &cluster.nodes {
        let mut socket = open(node).await.unwrap();
        echoes(&mut socket, true).await;
        sockets.push(socket);
    }
    let mut over_http2 = open_http2(&cluster.nodes[0]).await.unwrap();
    echoes(&mut over_http2, true).await;
    hand_over_at_once(&cluster).await;
    for mut socket in sockets {
        assert_eq!(next(&mut socket).await, None);
    }
    assert_eq!(next(&mut over_http2).await, None);
}

#[tokio::test]
async fn a_follower_does_not_forward_an_extended_connect() {
    let cluster = Cluster::start(|site| site.serve(app())).await;
    let answer = *open_http2(&cluster.nodes[1]).await.unwrap_err();
    assert_eq!(answer.status(), 501);
    assert_eq!(answer.headers()["noleader-reason"], "not_leader");
    assert!(!answer.headers().contains_key("retry-after"));
    let text = "this node does not lead: another node leads; \
                an extended CONNECT is not forwarded, and was not executed\n";
    assert_eq!(answer.body(), text);
}

/// Serves every node with a gate of its own.
async fn gated(gate: impl Fn(&Site) -> Router) -> Cluster {
    Cluster::start(|site| {
        let app = gate(&site);
        Server::axum(site.listener, app)
    })
    .await
}

#[tokio::test]
async fn writes_only_gates_sockets_over_both_versions() {
    let cluster =
        gated(|site| app().layer(LeaderOnlyLayer::new(site.handle.clone()).writes_only())).await;
    let [leader, follower, _] = &cluster.nodes[..] else {
        panic!("three nodes");
    };
    echoes(&mut open(leader).await.unwrap(), true).await;
    echoes(&mut open_http2(leader).await.unwrap(), true).await;
    for answer in [
        open(follower).await.map(drop).unwrap_err(),
        open_http2(follower).await.map(drop).unwrap_err(),
    ] {
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["noleader-reason"], "not_leader");
    }
}

#[tokio::test]
async fn upgrades_pass_over_both_versions() {
    let cluster = gated(|site| {
        let gate = LeaderOnlyLayer::new(site.handle.clone());
        app().layer(gate.writes_only().upgrades_pass())
    })
    .await;
    for node in &cluster.nodes {
        echoes(&mut open(node).await.unwrap(), false).await;
        echoes(&mut open_http2(node).await.unwrap(), false).await;
    }
}

#[tokio::test]
async fn writes_only_forwards_a_socket() {
    let failures = tokio::sync::watch::Sender::new(0);
    let cluster = gated(|site| {
        let gate = LeaderOnlyLayer::new(site.handle.clone());
        app().layer(
            gate.writes_only()
                .forward(forwarding_client(failures.clone())),
        )
    })
    .await;
    let follower = &cluster.nodes[1];
    echoes(&mut open(follower).await.unwrap(), true).await;
    assert_eq!(
        open_http2(follower).await.map(drop).unwrap_err().status(),
        501
    );
}

/// Neither tungstenite nor a browser follows it.
#[tokio::test]
async fn a_socket_is_redirected() {
    let cluster =
        gated(|site| app().layer(LeaderOnlyLayer::new(site.handle.clone()).redirect())).await;
    let [leader, follower, _] = &cluster.nodes[..] else {
        panic!("three nodes");
    };
    for answer in [
        open(follower).await.map(drop).unwrap_err(),
        open_http2(follower).await.map(drop).unwrap_err(),
    ] {
        assert_eq!(answer.status(), 307);
        assert_eq!(answer.headers()["location"], format!("{}/chat", leader.url));
    }
}
