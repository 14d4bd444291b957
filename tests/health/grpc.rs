//! The standard gRPC health service, over a tonic server and client.

use std::sync::Arc;

use noleader::Status;
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};
use tonic::{
    Code, Streaming,
    transport::{Channel, Endpoint, Error, Server, server::TcpIncoming},
};
use tonic_health::pb::{
    HealthCheckRequest, HealthCheckResponse,
    health_check_response::ServingStatus::{self, NotServing, ServiceUnknown, Serving},
    health_client::HealthClient,
};

use crate::node::{LEASE, Node, released, soon};

const ORDERS: &str = "orders.Orders";

struct Served {
    client: HealthClient<Channel>,
    server: JoinHandle<Result<(), Error>>,
    shutdown: Arc<Notify>,
}

async fn serve(node: &Node) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let shutdown = Arc::new(Notify::new());
    let signal = shutdown.clone();
    let server = Server::builder()
        .add_service(node.handle.grpc_health([ORDERS]))
        .serve_with_incoming_shutdown(TcpIncoming::from(listener), async move {
            signal.notified().await;
        });
    let channel = Endpoint::from_shared(address).unwrap().connect_lazy();
    Served {
        client: HealthClient::new(channel),
        server: tokio::spawn(server),
        shutdown,
    }
}

fn about(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.to_owned(),
    }
}

impl Served {
    async fn check(&mut self, service: &str) -> Result<ServingStatus, tonic::Status> {
        let answer = soon(self.client.check(about(service))).await?;
        Ok(answer.into_inner().status())
    }

    async fn watch(&mut self, service: &str) -> Watch {
        let answer = soon(self.client.watch(about(service))).await.unwrap();
        Watch(answer.into_inner())
    }
}

struct Watch(Streaming<HealthCheckResponse>);

impl Watch {
    /// The next status, or `None` at the end of the stream.
    async fn next(&mut self) -> Option<ServingStatus> {
        let message = soon(self.0.message()).await.unwrap();
        message.map(|response| response.status())
    }
}

async fn checked(node: &Node) -> ServingStatus {
    let mut served = serve(node).await;
    let overall = served.check("").await.unwrap();
    assert_eq!(served.check(ORDERS).await.unwrap(), overall);
    overall
}

#[tokio::test]
async fn only_the_leader_serves() {
    let leader = Node::leader().await;
    let follower = leader.rival().await;
    assert_eq!(checked(&leader).await, Serving);
    assert_eq!(checked(&follower).await, NotServing);
    let (warming, _end) = Node::warming().await;
    assert_eq!(checked(&warming).await, NotServing);
    let (draining, _admission, _) = Node::draining().await;
    assert_eq!(checked(&draining).await, NotServing);
    assert_eq!(checked(&Node::stopped().await).await, NotServing);
}

#[tokio::test]
async fn leader_whose_lease_expired_does_not_serve() {
    let node = Node::leader().await;
    let mut served = serve(&node).await;
    assert_eq!(served.check("").await.unwrap(), Serving);
    node.clock.advance_silently(LEASE);
    assert_eq!(served.check("").await.unwrap(), NotServing);
    let published = node.handle.watch().borrow().clone();
    assert!(matches!(published, Status::Leader { .. }));
    assert!(matches!(node.handle.status(), Status::Follower { .. }));
}

#[tokio::test]
async fn watch_sees_every_change_and_the_end() {
    let node = Node::follower().await;
    let mut served = serve(&node).await;
    let mut watches = [served.watch("").await, served.watch(ORDERS).await];
    let mut both = async |expected| {
        for watch in &mut watches {
            assert_eq!(watch.next().await, expected);
        }
    };
    both(Some(NotServing)).await;
    node.advance(LEASE).await;
    both(Some(Serving)).await;
    released(node.step_down().await).await;
    both(Some(NotServing)).await;
    // Past the cool-down.
    node.advance(LEASE / 2).await;
    both(Some(Serving)).await;
    soon(node.handle.shutdown()).await.unwrap();
    both(Some(NotServing)).await;
    both(None).await;
    // A new watch yields the same.
    let mut again = served.watch("").await;
    assert_eq!(again.next().await, Some(NotServing));
    assert_eq!(again.next().await, None);
}

#[tokio::test]
async fn renewals_do_not_reach_a_watch() {
    let node = Node::leader().await;
    let mut watch = serve(&node).await.watch("").await;
    assert_eq!(watch.next().await, Some(Serving));
    for _ in 0..60 {
        node.advance(LEASE / 20).await;
    }
    assert!(node.handle.is_leader());
    node.panic().await;
    assert_eq!(watch.next().await, Some(NotServing));
    assert_eq!(watch.next().await, None);
}

#[tokio::test]
async fn unregistered_service_is_unknown() {
    let node = Node::leader().await;
    let mut served = serve(&node).await;
    for name in ["orders", "orders.orders", "grpc.health.v1.Health"] {
        let refused = served.check(name).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound);
    }
    let mut watch = served.watch("orders").await;
    assert_eq!(watch.next().await, Some(ServiceUnknown));
    // The watch of an unknown service yields nothing more, and ends with the election.
    released(node.step_down().await).await;
    let mut known = served.watch("").await;
    assert_eq!(known.next().await, Some(NotServing));
    assert!(
        tokio_test::task::spawn(watch.0.message())
            .poll()
            .is_pending()
    );
    soon(node.handle.shutdown()).await.unwrap();
    assert_eq!(watch.next().await, None);
}

#[tokio::test]
async fn health_service_does_not_keep_the_election_running() {
    let a = Node::leader().await;
    let b = a.rival().await;
    let mut served = serve(&a).await;
    let mut watch = served.watch("").await;
    assert_eq!(watch.next().await, Some(Serving));
    drop(a);
    b.until(|status| matches!(status, Status::Leader { .. }))
        .await;
    assert_eq!(watch.next().await, Some(NotServing));
    assert_eq!(watch.next().await, None);
}

#[tokio::test]
async fn watch_does_not_delay_the_servers_shutdown() {
    let node = Node::leader().await;
    let mut served = serve(&node).await;
    let mut watches = [served.watch("").await, served.watch("unknown").await];
    assert_eq!(watches[0].next().await, Some(Serving));
    assert_eq!(watches[1].next().await, Some(ServiceUnknown));
    served.shutdown.notify_one();
    soon(node.handle.shutdown()).await.unwrap();
    assert_eq!(watches[0].next().await, Some(NotServing));
    assert_eq!(watches[0].next().await, None);
    assert_eq!(watches[1].next().await, None);
    soon(served.server).await.unwrap().unwrap();
}
