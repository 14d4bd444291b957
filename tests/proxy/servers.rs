//! Servers and clients over HTTP/1.1 and HTTP/2, and a follower in front of a leader.

use std::{
    convert::Infallible,
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
    service::TowerToHyperService,
};
use noleader::LeaderOnlyLayer;
use tokio::{
    net::{TcpListener, TcpSocket},
    task::{JoinHandle, JoinSet},
};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};

use crate::node::{Node, settle};

/// Small, so that the connections fill up quickly.
const SOCKET_BUFFER: u32 = 64 * 1024;

/// As the documentation of `Forward` says: more than a server accepts over HTTP/1.1.
const HEADER_LIMIT: u32 = 512 * 1024;
/// As the documentation of `Forward` says: small compared to the connection's window.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 5 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proto {
    H1,
    H2,
}

/// The protocols between client and follower, and between follower and leader.
pub(crate) const PATHS: [(Proto, Proto); 4] = [
    (Proto::H1, Proto::H1),
    (Proto::H2, Proto::H2),
    (Proto::H1, Proto::H2),
    (Proto::H2, Proto::H1),
];

pub(crate) type HttpClient<B = Body> = Client<HttpConnector, B>;

pub(crate) fn client<B>(proto: Proto) -> HttpClient<B>
where
    B: http_body::Body<Data = Bytes> + Send,
{
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_send_buffer_size(Some(SOCKET_BUFFER as usize));
    connector.set_recv_buffer_size(Some(SOCKET_BUFFER as usize));
    Client::builder(TokioExecutor::new())
        .http2_only(proto == Proto::H2)
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .build(connector)
}

/// An HTTP service that does not fail.
pub(crate) trait App<B>:
    Service<Request<Body>, Response = Response<B>, Error = Infallible, Future: Send + 'static>
    + Clone
    + Send
    + 'static
{
}

impl<S, B> App<B> for S where
    S: Service<Request<Body>, Response = Response<B>, Error = Infallible, Future: Send + 'static>
        + Clone
        + Send
        + 'static
{
}

pub(crate) fn listen() -> (TcpListener, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(SOCKET_BUFFER).unwrap();
    socket.set_send_buffer_size(SOCKET_BUFFER).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(128).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

/// A server of HTTP/1.1 and HTTP/2. Dropping it closes its connections.
pub(crate) struct Server {
    pub(crate) url: String,
    task: JoinHandle<()>,
}

impl Server {
    pub(crate) fn start<B>(listener: TcpListener, app: impl App<B>) -> Self
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let service = TowerToHyperService::new(app.map_request(|r: Request<_>| r.map(Body::new)));
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let service = service.clone();
                connections.spawn(async move {
                    let mut server = auto::Builder::new(TokioExecutor::new());
                    server.http2().max_header_list_size(HEADER_LIMIT);
                    // The client detects errors.
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { url, task }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A follower in front of a leader, each with a gated server.
pub(crate) struct Pair {
    pub(crate) leader: Node,
    pub(crate) follower: Node,
    pub(crate) at_leader: Server,
    pub(crate) at_follower: Server,
    /// Requests that the follower has executed itself.
    executed: Arc<AtomicUsize>,
}

impl Pair {
    pub(crate) async fn start<B>(back: Proto, app: impl App<B>) -> Self
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let (listener, url) = listen();
        let leader = Node::join("a", &Default::default(), &Default::default(), |builder| {
            builder.dangerous_trust_absent_key(true).address(url)
        })
        .await;
        let follower = Node::join("b", &leader.store, &leader.clock, |builder| builder).await;
        settle().await;
        let gate = LeaderOnlyLayer::new(leader.handle.clone());
        let at_leader = Server::start(listener, gate.layer(app));
        let executed = Arc::default();
        let at_follower = forwarding(&follower, back, &executed);
        Self {
            leader,
            follower,
            at_leader,
            at_follower,
            executed,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.at_follower.url)
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.executed.load(Ordering::SeqCst), 0, "at the follower");
        }
    }
}

/// The server of a node that forwards while it does not lead.
pub(crate) fn forwarding(node: &Node, back: Proto, executed: &Arc<AtomicUsize>) -> Server {
    let executed = executed.clone();
    let here = service_fn(move |_: Request<Body>| {
        executed.fetch_add(1, Ordering::SeqCst);
        ready(Ok(Response::new(Body::from("here"))))
    });
    let layer = LeaderOnlyLayer::new(node.handle.clone()).forward(client::<Body>(back));
    Server::start(listen().0, layer.layer(here))
}
