use std::{
    any::Any,
    future::pending,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{
        StatusCode,
        header::{CONNECTION, UPGRADE},
    },
    response::{IntoResponse, Response},
    routing::{any, post},
};
use futures_util::{StreamExt, stream};
use noleader::Term;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket},
    sync::oneshot,
};
use tower::BoxError;

use super::actions::LIMIT;
use crate::node::{LEASE, Node};

/// A node that receives a request, its application, and what happens after the request has arrived.
pub(super) struct Asked {
    pub(super) node: Node,
    pub(super) app: Option<Router>,
    then: Then,
    /// Keeps the node in its state.
    _kept: Vec<Box<dyn Any>>,
}

enum Then {
    Nothing,
    Elected,
    /// The time limit of the action elapses.
    TimeIsOver,
    /// After the handler has signalled.
    Lost(oneshot::Receiver<()>),
}

impl Asked {
    pub(super) async fn new(node: &str, action: &str) -> Self {
        let any_port = || TcpListener::bind("127.0.0.1:0");
        match node {
            "leader" if action == "no_layer" => {
                let takes_a_term = Router::new().route("/orders", post(|_: Term| async {}));
                Self::from(Node::leader().await).serving(takes_a_term)
            }
            "leader" => Node::leader().await.into(),
            "no_leader" if action == "wait_in_vain" => {
                Self::from(Node::follower().await).then(Then::TimeIsOver)
            }
            "no_leader" => Node::follower().await.into(),
            "stopped" => Node::stopped().await.into(),
            "elected" => Self::from(Node::follower().await).then(Then::Elected),
            "running_out" => {
                let node = Node::leader().await;
                node.store.memory.set_outage(true);
                node.advance(LEASE * 4 / 5).await;
                assert!(node.handle.is_leader());
                node.into()
            }
            "warming" => {
                let (node, end) = Node::warming().await;
                Self::from(node).keeping(end)
            }
            "draining" => {
                let (node, admission, stepping_down) = Node::draining().await;
                Self::from(node).keeping(admission).keeping(stepping_down)
            }
            "lost" => {
                let (reached, when) = oneshot::channel();
                let app = once(move || reached.send(()).unwrap());
                Self::from(Node::leader().await)
                    .serving(Router::new().fallback(any(async move || {
                        app();
                        pending::<()>().await;
                    })))
                    .then(Then::Lost(when))
            }
            "lost_within" => {
                let (sent, when) = oneshot::channel();
                let sent = once(move || sent.send(()).unwrap());
                Self::from(Node::leader().await)
                    .serving(Router::new().fallback(any(async move || half_a_stream(sent))))
                    .then(Then::Lost(when))
            }
            "follower" if action == "forward" => {
                let listener = any_port().await.unwrap();
                let node = follower_of(listener.local_addr().unwrap()).await;
                tokio::spawn(async move { axum::serve(listener, created()).await });
                node.into()
            }
            "follower" => Node::follower_of(Some("http://10.0.0.7:8080")).await.into(),
            "switched" => {
                let listener = any_port().await.unwrap();
                let node = follower_of(listener.local_addr().unwrap()).await;
                let other = [(CONNECTION, "upgrade"), (UPGRADE, "other")];
                let switched = any(async move || (StatusCode::SWITCHING_PROTOCOLS, other));
                let app = Router::new().fallback(switched);
                tokio::spawn(async move { axum::serve(listener, app).await });
                node.into()
            }
            "unreachable" => {
                // Bound, so that no other process uses the port. It does not listen, so it refuses connections.
                let socket = TcpSocket::new_v4().unwrap();
                socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
                let node = follower_of(socket.local_addr().unwrap()).await;
                Self::from(node).keeping(socket)
            }
            "broken" => {
                let listener = any_port().await.unwrap();
                let node = follower_of(listener.local_addr().unwrap()).await;
                tokio::spawn(read_and_close(listener));
                node.into()
            }
            "silent" => {
                let listener = any_port().await.unwrap();
                let node = follower_of(listener.local_addr().unwrap()).await;
                Self::from(node).keeping(listener).then(Then::TimeIsOver)
            }
            other => panic!("unknown node in the page: {other}"),
        }
    }

    fn serving(self, app: Router) -> Self {
        let app = Some(app);
        Self { app, ..self }
    }

    fn then(self, then: Then) -> Self {
        Self { then, ..self }
    }

    fn keeping(mut self, kept: impl Any) -> Self {
        self._kept.push(Box::new(kept));
        self
    }

    pub(super) async fn go_on(&mut self) {
        match &mut self.then {
            Then::Nothing => {}
            Then::Elected => self.node.advance(LEASE).await,
            Then::TimeIsOver => self.node.advance(LIMIT).await,
            Then::Lost(when) => {
                when.await.unwrap();
                self.node.store.memory.set_outage(true);
                self.node.advance(LEASE).await;
            }
        }
    }
}

impl From<Node> for Asked {
    fn from(node: Node) -> Self {
        Self {
            node,
            app: Some(created()),
            then: Then::Nothing,
            _kept: Vec::new(),
        }
    }
}

fn created() -> Router {
    Router::new().fallback(any(|| async { "created\n" }))
}

async fn follower_of(address: SocketAddr) -> Node {
    Node::follower_of(Some(&format!("http://{address}"))).await
}

/// For handlers, whose type allows any number of calls.
fn once(then: impl FnOnce() + Send) -> impl Fn() + Clone + Send + Sync {
    let then = Arc::new(Mutex::new(Some(then)));
    move || then.lock().unwrap().take().expect("called once")()
}

/// Signals after the first half is sent: hyper polls for the second half only then.
fn half_a_stream(sent: impl Fn() + Send + 'static) -> Response {
    let first = stream::once(async { Ok::<_, BoxError>(Bytes::from("half\n")) });
    let second = stream::once(async move {
        sent();
        pending().await
    });
    Body::from_stream(first.chain(second)).into_response()
}

async fn read_and_close(listener: TcpListener) {
    let (mut connection, _) = listener.accept().await.unwrap();
    // Unread bytes would turn the close into a reset.
    let mut read = Vec::new();
    while !read.ends_with(b"order") {
        connection.read_buf(&mut read).await.unwrap();
    }
    connection.shutdown().await.unwrap();
}
