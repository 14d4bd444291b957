//! What a follower responds if the leader does not.

use std::{
    convert::Infallible,
    future::{Future, ready},
    time::Duration,
};

use axum::body::Body;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use noleader::LeaderOnlyLayer;
use tokio::{
    io::AsyncReadExt,
    net::{TcpSocket, TcpStream},
    sync::mpsc,
    task::JoinSet,
};
use tower::{Layer, ServiceExt, service_fn};

use crate::{
    node::{Node, soon},
    servers::{PATHS, Proto, Server, client, listen},
    wire::Wire,
};

pub(crate) struct Failure {
    status: u16,
    grpc_status: &'static str,
    reason: &'static str,
    may_be_repeated: bool,
}

const UNREACHABLE: Failure = Failure {
    status: 502,
    grpc_status: "14",
    reason: "unreachable",
    may_be_repeated: true,
};
pub(crate) const LOST: Failure = Failure {
    status: 502,
    grpc_status: "10",
    reason: "lost",
    may_be_repeated: false,
};
const TIMEOUT: Failure = Failure {
    status: 504,
    grpc_status: "4",
    reason: "timeout",
    may_be_repeated: false,
};

/// A follower of a leader at `url`, and its server.
struct Follower {
    node: Node,
    server: Server,
    /// The calls of its client.
    calls: mpsc::UnboundedReceiver<()>,
    time_limit: Option<Duration>,
}

impl Follower {
    async fn start(url: &str, back: Proto, time_limit: Option<Duration>) -> Self {
        let node = Node::follower_of(Some(url)).await;
        let (call, calls) = mpsc::unbounded_channel();
        let client = client(back).map_request(move |request: Request<Body>| {
            call.send(()).unwrap();
            request
        });
        let layer = LeaderOnlyLayer::new(node.handle.clone())
            .forward(client)
            .forward_timeout(time_limit.unwrap_or(Duration::MAX));
        let here = service_fn(|_: Request<Body>| {
            ready(Ok::<_, Infallible>(Response::new(Body::from("here"))))
        });
        let server = Server::start(listen().0, layer.layer(here));
        Self {
            node,
            server,
            calls,
            time_limit,
        }
    }

    /// Posts, and lets the time limit elapse once the leader was called.
    async fn post(&mut self, front: Proto, content_type: &str) -> Response<Incoming> {
        let elapse = async {
            if let Some(time_limit) = self.time_limit {
                soon(self.calls.recv()).await.unwrap();
                self.node.advance(time_limit).await;
            }
        };
        tokio::join!(post(front, &self.server.url, content_type), elapse).0
    }
}

pub(crate) async fn post(front: Proto, url: &str, content_type: &str) -> Response<Incoming> {
    let request = Request::post(url).header("content-type", content_type);
    let request = request.body(Body::from("order")).unwrap();
    soon(client(front).request(request)).await.unwrap()
}

async fn text(answer: Response<Incoming>) -> String {
    let text = soon(answer.into_body().collect()).await.unwrap().to_bytes();
    String::from_utf8(text.to_vec()).unwrap()
}

impl Failure {
    async fn is_answered(&self, url: &str, time_limit: Option<Duration>) {
        for (front, back) in PATHS {
            let mut follower = Follower::start(url, back, time_limit).await;
            self.in_http(follower.post(front, "text/plain").await).await;
            self.in_grpc(follower.post(front, "application/grpc").await)
                .await;
        }
    }

    pub(crate) async fn in_http(&self, answer: Response<Incoming>) {
        assert_eq!(answer.status(), self.status);
        let headers = answer.headers();
        assert_eq!(headers["noleader-reason"], self.reason);
        assert_eq!(headers.contains_key("retry-after"), self.may_be_repeated);
        let text = text(answer).await;
        let says = if self.may_be_repeated {
            "was not"
        } else {
            "may have been"
        };
        assert!(text.ends_with(&format!("{says} executed\n")), "{text}");
    }

    async fn in_grpc(&self, answer: Response<Incoming>) {
        assert_eq!(answer.status(), 200);
        let headers = answer.headers();
        assert_eq!(headers["grpc-status"], self.grpc_status);
        assert_eq!(headers["noleader-reason"], self.reason);
        let pushback = headers.contains_key("grpc-retry-pushback-ms");
        assert_eq!(pushback, self.may_be_repeated);
        assert_eq!(text(answer).await, "");
    }
}

/// A port that refuses connections: bound, so that no other process uses it, and not listening.
fn refusing() -> (TcpSocket, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    (socket, url)
}

#[tokio::test]
async fn a_refused_connection_is_unreachable() {
    let (_port, url) = refusing();
    UNREACHABLE.is_answered(&url, None).await;
}

/// A removed content type still decides the form of the response.
#[tokio::test]
async fn connection_may_list_the_content_type() {
    let (_port, url) = refusing();
    let follower = Follower::start(&url, Proto::H1, None).await;
    let request = Request::post(&follower.server.url)
        .header("connection", "content-type")
        .header("content-type", "application/grpc");
    let request = request.body(Body::from("order")).unwrap();
    let answer = soon(client(Proto::H1).request(request)).await.unwrap();
    UNREACHABLE.in_grpc(answer).await;
}

pub(crate) fn raw<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> (JoinSet<()>, String)
where
    F: Future<Output = ()> + Send + 'static,
{
    let (listener, url) = listen();
    let mut server = JoinSet::new();
    server.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            connections.spawn(serve(stream));
        }
    });
    (server, url)
}

#[tokio::test]
async fn a_connection_closed_at_once_is_lost() {
    let (_server, url) = raw(|stream| async { drop(stream) });
    LOST.is_answered(&url, None).await;
}

#[tokio::test]
async fn a_connection_closed_after_reading_is_lost() {
    let (_server, url) = raw(|mut stream| async move {
        let _ = stream.read(&mut [0; 1024]).await;
    });
    LOST.is_answered(&url, None).await;
}

#[tokio::test]
async fn a_response_that_is_not_http_is_lost() {
    let (_server, url) = raw(|stream| async {
        let mut wire = Wire::new(stream);
        wire.send("neither one nor the other\r\n\r\n").await;
        wire.finish().await;
        wire.rest().await;
    });
    LOST.is_answered(&url, None).await;
}

#[tokio::test]
async fn a_silent_leader_is_a_timeout() {
    let (_server, url) = raw(|mut stream| async move {
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    TIMEOUT
        .is_answered(&url, Some(Duration::from_secs(1)))
        .await;
}
