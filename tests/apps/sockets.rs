//! Upgraded connections, as of a WebSocket, that keep their admission.

use std::sync::Arc;

use ::http::{
    StatusCode,
    header::{CONNECTION, UPGRADE},
};
use axum::{
    Router,
    extract::{Request, State},
    response::IntoResponse,
    routing::get,
};
use hyper::upgrade::{OnUpgrade, on};
use hyper_util::rt::TokioIo;
use noleader::Admission;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufStream},
    net::TcpStream,
    sync::Semaphore,
};

use crate::{
    cluster::{Cluster, Node, Site, soon},
    server::Server,
    streams::{hand_over_at_once, long_drain},
};

/// The number of sockets that may end. The test decides when.
#[derive(Clone, Debug)]
struct Ends(Arc<Semaphore>);

impl Ends {
    fn new(count: usize) -> Self {
        Self(Arc::new(Semaphore::new(count)))
    }

    fn serve(&self, site: Site) -> Server {
        let app = Router::new().route("/talk", get(talk));
        site.serve(app.with_state(self.clone()))
    }
}

async fn talk(
    State(ends): State<Ends>,
    admission: Admission,
    mut request: Request,
) -> impl IntoResponse {
    tokio::spawn(echo(on(&mut request), admission, ends));
    (
        StatusCode::SWITCHING_PROTOCOLS,
        [(CONNECTION, "upgrade"), (UPGRADE, "echo")],
    )
}

/// Returns each line, and sends `bye` once the gate has closed.
async fn echo(upgraded: OnUpgrade, admission: Admission, ends: Ends) {
    let mut socket = BufStream::new(TokioIo::new(upgraded.await.unwrap()));
    let closing = admission.term().closing();
    let mut line = String::new();
    while let Some(read) = closing
        .run_until_cancelled(socket.read_line(&mut line))
        .await
    {
        read.unwrap();
        socket.write_all(line.as_bytes()).await.unwrap();
        socket.flush().await.unwrap();
        line.clear();
    }
    ends.0.acquire().await.unwrap().forget();
    socket.write_all(b"bye\n").await.unwrap();
    socket.shutdown().await.unwrap();
    drop(admission);
}

/// The client's end of a socket.
struct Socket(BufStream<TcpStream>);

impl Socket {
    async fn open(node: &Node) -> Self {
        let address = node.url.strip_prefix("http://").unwrap();
        let mut socket = Self(BufStream::new(TcpStream::connect(address).await.unwrap()));
        socket
            .send("GET /talk HTTP/1.1\r\nhost: h\r\nx-id: talk\r\n")
            .await;
        socket
            .send("connection: upgrade\r\nupgrade: echo\r\n\r\n")
            .await;
        assert_eq!(socket.line().await, "HTTP/1.1 101 Switching Protocols\r\n");
        while socket.line().await != "\r\n" {}
        socket
    }

    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
        self.0.flush().await.unwrap();
    }

    /// The next line, or an empty one at the end.
    async fn line(&mut self) -> String {
        let mut line = String::new();
        soon(self.0.read_line(&mut line)).await.unwrap();
        line
    }

    async fn echoes(&mut self, line: &str) {
        self.send(line).await;
        assert_eq!(self.line().await, line);
    }

    async fn ends(&mut self) {
        assert_eq!(self.line().await, "bye\n");
        assert_eq!(self.line().await, "");
    }
}

#[tokio::test]
async fn sockets_end_with_the_gate() {
    const SOCKETS: usize = 3;
    let ends = Ends::new(SOCKETS);
    let cluster = Cluster::with_settings(long_drain, |site| ends.serve(site)).await;
    let mut sockets = Vec::new();
    for _ in 0..SOCKETS {
        let mut socket = Socket::open(&cluster.nodes[0]).await;
        socket.echoes("hello\n").await;
        sockets.push(socket);
    }
    hand_over_at_once(&cluster).await;
    for mut socket in sockets {
        socket.ends().await;
    }
}

#[tokio::test]
async fn a_step_down_waits_for_an_admitted_socket() {
    let ends = Ends::new(0);
    let cluster = Cluster::with_settings(long_drain, |site| ends.serve(site)).await;
    let leader = &cluster.nodes[0];
    let mut socket = Socket::open(leader).await;
    socket.echoes("hello\n").await;
    let term = leader.handle.term().unwrap();

    let stepping_down = leader.step_down();
    soon(term.closing().cancelled()).await;
    assert_eq!(leader.handle.draining(), 1);
    assert!(
        term.is_current(),
        "the lease is held while the socket is open"
    );
    assert!(!stepping_down.is_finished());
    ends.0.add_permits(1);
    socket.ends().await;
    soon(stepping_down).await.unwrap().unwrap();
    assert!(!term.is_current());
}
