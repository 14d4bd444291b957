//! When the server of a node that has left may stop: requests may be on their way to it, from nodes that did not know yet
//! that it leaves. One leader is the same as one shard.

use std::{net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    response::Response,
    routing::post,
};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use noleader::{
    LeaderHandle, LeaderOnlyLayer, ReleaseError, ShardId, Shards,
    store::{Memory, MemoryShards},
};
use noleader_fixture::eventually;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_util::sync::CancellationToken;

use crate::support::{BOUND, LEASE};

const SHARD: ShardId = ShardId::new(0);

/// A node of one election.
trait Node: Clone + Send + Sync + 'static {
    /// The id of the leader that the node knows.
    fn leader(&self) -> Option<String>;

    fn app(&self, orders: Router) -> Router;

    fn shutdown(&self) -> impl Future<Output = Result<(), ReleaseError>> + Send;
}

impl Node for LeaderHandle {
    fn leader(&self) -> Option<String> {
        self.leader().map(|leader| leader.id().to_owned())
    }

    fn app(&self, orders: Router) -> Router {
        let layer = LeaderOnlyLayer::new(self.clone()).wait_up_to(BOUND);
        orders.layer(layer.forward(Client::builder(TokioExecutor::new()).build_http::<Body>()))
    }

    async fn shutdown(&self) -> Result<(), ReleaseError> {
        self.shutdown().await
    }
}

impl Node for Shards {
    fn leader(&self) -> Option<String> {
        self.owner(SHARD).map(|leader| leader.id().to_owned())
    }

    fn app(&self, orders: Router) -> Router {
        let layer = LeaderOnlyLayer::sharded(self.clone(), |_: &Request| SHARD).wait_up_to(BOUND);
        orders.layer(layer.forward(Client::builder(TokioExecutor::new()).build_http::<Body>()))
    }

    async fn shutdown(&self) -> Result<(), ReleaseError> {
        self.shutdown().await
    }
}

/// The network between two nodes, which may hold what is sent to the second one.
struct Link {
    address: SocketAddr,
    holds: watch::Sender<bool>,
    /// How often something has come in that is for the second node.
    came_in: watch::Receiver<usize>,
}

impl Link {
    async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (holds, (count, came_in)) = (watch::Sender::new(false), watch::channel(0));
        let held = holds.subscribe();
        tokio::spawn(async move {
            while let Ok((from, _)) = listener.accept().await {
                tokio::spawn(pass_on(from, target, held.clone(), count.clone()));
            }
        });
        Self {
            address,
            holds,
            came_in,
        }
    }
}

async fn pass_on(
    from: TcpStream,
    target: SocketAddr,
    mut holds: watch::Receiver<bool>,
    came_in: watch::Sender<usize>,
) {
    // The second node no longer listens.
    let Ok(to) = TcpStream::connect(target).await else {
        return;
    };
    let ((mut request, mut answered), (mut response, mut asked)) =
        (from.into_split(), to.into_split());
    tokio::spawn(async move { copy(&mut response, &mut answered).await });
    let mut bytes = [0; 1024];
    while let Ok(length @ 1..) = request.read(&mut bytes).await {
        came_in.send_modify(|count| *count += 1);
        holds.wait_for(|holds| !holds).await.unwrap();
        if asked.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
}

/// When the server of a node stops.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stop {
    /// As soon as the node has left.
    AtOnce,
    /// Once what was sent to the node has arrived.
    Later,
}

/// The node `a` leads, and `b` has forwarded a request to it that has not arrived when `a` leaves. Returns what `b`
/// responds.
async fn forwarded_to_a_node_that_leaves<N: Node>(
    stop: Stop,
    start: impl AsyncFn(&'static str, SocketAddr) -> N,
) -> (u16, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let link = Link::to(listener.local_addr().unwrap()).await;
    let a = start("a", link.address).await;
    let leads = |node: &N| node.leader().is_some_and(|leader| leader == "a");
    let led = async || leads(&a).then_some(());
    eventually("a leader", BOUND, led).await.unwrap();
    let end = CancellationToken::new();
    let server = serve(listener, &a, "a", end.clone());

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let b = start("b", address).await;
    let known = async || leads(&b).then_some(());
    eventually("a known leader", BOUND, known).await.unwrap();
    serve(listener, &b, "b", CancellationToken::new());
    // Leaves a connection that is reused.
    assert_eq!(order(address).await, (200, "a".to_owned()));

    let mut came_in = link.came_in.clone();
    came_in.borrow_and_update();
    link.holds.send_replace(true);
    let response = tokio::spawn(order(address));
    came_in.changed().await.unwrap();
    a.shutdown().await.unwrap();
    if stop == Stop::AtOnce {
        end.cancel();
        server.await.unwrap();
        link.holds.send_replace(false);
        return response.await.unwrap();
    }
    link.holds.send_replace(false);
    let response = tokio::time::timeout(BOUND, response).await.unwrap();
    end.cancel();
    server.await.unwrap();
    response.unwrap()
}

fn serve(
    listener: TcpListener,
    node: &impl Node,
    id: &'static str,
    end: CancellationToken,
) -> tokio::task::JoinHandle<()> {
    let app = node.app(Router::new().route("/orders", post(async move || id)));
    let server = axum::serve(listener, app).with_graceful_shutdown(end.cancelled_owned());
    tokio::spawn(async { server.await.unwrap() })
}

/// The status, and who executed the order or why it failed.
async fn order(node: SocketAddr) -> (u16, String) {
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let request = Request::post(format!("http://{node}/orders"));
    let request = request.body(Body::empty()).unwrap();
    let (head, body) = client.request(request).await.unwrap().into_parts();
    if let Some(reason) = head.headers.get("noleader-reason") {
        return (head.status.as_u16(), reason.to_str().unwrap().to_owned());
    }
    let body = to_bytes(Body::new(body), 1024).await.unwrap();
    let response = Response::from_parts(head, String::from_utf8(body.to_vec()).unwrap());
    (response.status().as_u16(), response.into_body())
}

async fn one_leader(stop: Stop) -> (u16, String) {
    let store = Memory::new();
    let start = async |id: &'static str, address: SocketAddr| {
        LeaderHandle::with_store(store.clone())
            .id(id)
            .address(format!("http://{address}"))
            .lease(Duration::from_secs(2))
            .dangerous_trust_absent_key(true)
            .start()
            .await
            .unwrap()
    };
    forwarded_to_a_node_that_leaves(stop, start).await
}

async fn one_shard(stop: Stop) -> (u16, String) {
    let store = MemoryShards::new();
    let start = async |id: &'static str, address: SocketAddr| {
        Shards::with_store(store.clone(), 1)
            .id(id)
            .address(format!("http://{address}"))
            .lease(LEASE)
            .start()
            .await
            .unwrap()
    };
    forwarded_to_a_node_that_leaves(stop, start).await
}

fn executed_by_the_next() -> (u16, String) {
    (200, "b".to_owned())
}

/// The other node cannot know whether the request was executed.
fn lost() -> (u16, String) {
    (502, "lost".to_owned())
}

#[tokio::test]
async fn a_leader_that_has_left_refuses_what_is_on_its_way() {
    assert_eq!(one_leader(Stop::Later).await, executed_by_the_next());
}

#[tokio::test]
async fn an_owner_that_has_left_refuses_what_is_on_its_way() {
    assert_eq!(one_shard(Stop::Later).await, executed_by_the_next());
}

#[tokio::test]
async fn a_leader_whose_server_stops_at_once_loses_it() {
    assert_eq!(one_leader(Stop::AtOnce).await, lost());
}

#[tokio::test]
async fn an_owner_whose_server_stops_at_once_loses_it() {
    assert_eq!(one_shard(Stop::AtOnce).await, lost());
}
