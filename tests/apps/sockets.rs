//! Upgraded connections, as of a WebSocket, that keep their admission. Followers tunnel them to the leader.

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
pub(crate) struct Socket(pub(crate) BufStream<TcpStream>);

impl Socket {
    pub(crate) async fn open(node: &Node, path: &str) -> Self {
        let mut socket = Self::connect(node).await;
        let head = socket.ask(path).await;
        assert_eq!(head[0], "HTTP/1.1 101 Switching Protocols");
        assert!(head.contains(&"connection: upgrade".into()), "{head:?}");
        assert!(head.contains(&"upgrade: echo".into()), "{head:?}");
        socket
    }

    pub(crate) async fn connect(node: &Node) -> Self {
        let address = node.url.strip_prefix("http://").unwrap();
        Self(BufStream::new(TcpStream::connect(address).await.unwrap()))
    }

    /// Asks for an upgrade, and returns the lines of the response's head.
    pub(crate) async fn ask(&mut self, path: &str) -> Vec<String> {
        let head = format!("GET {path} HTTP/1.1\r\nhost: h\r\nx-id: {path}\r\n");
        self.send(&format!(
            "{head}connection: upgrade\r\nupgrade: echo\r\n\r\n"
        ))
        .await;
        let mut head = Vec::new();
        loop {
            let line = self.line().await;
            match line.strip_suffix("\r\n") {
                Some("") => return head,
                Some(line) => head.push(line.to_owned()),
                None => panic!("ends with {line:?} after {head:?}"),
            }
        }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
        self.0.flush().await.unwrap();
    }

    /// The next line, or an empty one at the end.
    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        soon(self.0.read_line(&mut line)).await.unwrap();
        line
    }

    pub(crate) async fn echoes(&mut self, line: &str) {
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
    const PER_NODE: usize = 3;
    let ends = Ends::new(3 * PER_NODE);
    let cluster = Cluster::with_settings(long_drain, |site| ends.serve(site)).await;
    let mut sockets = Vec::new();
    for node in &cluster.nodes {
        for _ in 0..PER_NODE {
            let mut socket = Socket::open(node, "/talk").await;
            socket.echoes("hello\n").await;
            sockets.push(socket);
        }
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
    let mut socket = Socket::open(leader, "/talk").await;
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
