//! gRPC calls, unary and streaming, with their keys in the metadata.

use std::{
    convert::Infallible,
    net::SocketAddr,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{
    StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use http::uri::PathAndQuery;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use noleader::{LeaderOnlyLayer, Shards, Term};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tonic::{
    Request, Response, Status,
    body::Body,
    client,
    server::{self, NamedService},
    transport::{Endpoint, Server, server::TcpIncoming},
};
use tonic_prost::ProstCodec;
use tower::{Layer, Service, service_fn};

use super::{CUSTOMER, Front, ID, Ledger, Order, nodes_come_and_go};
use crate::support::BOUND;

const CREATE: &str = "/test.Orders/Create";
const WATCH: &str = "/test.Orders/Watch";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Grpc {
    Unary,
    Streaming,
}

/// The service, in place of generated code.
#[derive(Clone)]
struct Orders(Ledger);

impl NamedService for Orders {
    const NAME: &'static str = "test.Orders";
}

impl Service<http::Request<Body>> for Orders {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let Self(executed) = self.clone();
        Box::pin(async move {
            executed.note(request.headers()[ID].to_str().unwrap());
            let mut grpc = server::Grpc::new(ProstCodec::<String, String>::default());
            Ok(match request.uri().path() {
                CREATE => grpc.unary(service_fn(create), request).await,
                _ => grpc.server_streaming(service_fn(watch), request).await,
            })
        })
    }
}

async fn create(request: Request<String>) -> Result<Response<String>, Status> {
    Ok(Response::new(request.into_inner()))
}

type Events = BoxStream<'static, Result<String, Status>>;

/// Goes on until the gate of its shard closes, or it has said all.
async fn watch(request: Request<String>) -> Result<Response<Events>, Status> {
    let term: &Term = request.extensions().get().unwrap();
    let tick = |_| async {
        tokio::time::sleep(Duration::from_millis(2)).await;
        "tick"
    };
    let ticks = stream::iter(0..20).then(tick);
    let ticks = ticks.take_until(term.closing().cancelled_owned());
    let all = ticks.chain(stream::iter(["bye"]));
    Ok(Response::new(all.map(|event| Ok(event.to_owned())).boxed()))
}

fn customer(request: &http::Request<Body>) -> Option<String> {
    let customer = request.headers().get(CUSTOMER)?;
    customer.to_str().ok().map(str::to_owned)
}

impl Front for Grpc {
    fn serve(
        &self,
        shards: Shards,
        listener: TcpListener,
        executed: Ledger,
        stop: CancellationToken,
    ) -> JoinHandle<()> {
        let http = Client::builder(TokioExecutor::new())
            .http2_only(true)
            .build_http::<Body>();
        let layer = LeaderOnlyLayer::sharded(shards, customer)
            .wait_up_to(BOUND / 2)
            .forward(http);
        let server = Server::builder().add_service(layer.layer(Orders(executed)));
        let incoming = TcpIncoming::from(listener);
        let serving = server.serve_with_incoming_shutdown(incoming, stop.cancelled_owned());
        tokio::spawn(async { serving.await.unwrap() })
    }

    async fn send(self, node: SocketAddr, order: Order) -> Result<(), String> {
        let endpoint = Endpoint::from_shared(format!("http://{node}")).unwrap();
        let mut client = client::Grpc::new(endpoint.connect_lazy());
        client.ready().await.map_err(|error| format!("{error:?}"))?;
        let mut request = Request::new("order".to_owned());
        let metadata = request.metadata_mut();
        metadata.insert(CUSTOMER, order.customer.parse().unwrap());
        metadata.insert(ID, order.id.parse().unwrap());
        let codec = ProstCodec::<String, String>::default();
        let seen = |status: Status| format!("{status:?}");
        if self == Self::Unary {
            let path = PathAndQuery::from_static(CREATE);
            let response = client.unary(request, path, codec).await.map_err(seen)?;
            return (response.get_ref() == "order")
                .then_some(())
                .ok_or(format!("{response:?}"));
        }
        let path = PathAndQuery::from_static(WATCH);
        let response = client.server_streaming(request, path, codec).await;
        let mut messages = response.map_err(seen)?.into_inner();
        let mut last = None;
        while let Some(message) = messages.message().await.map_err(seen)? {
            last = Some(message);
        }
        (last.as_deref() == Some("bye"))
            .then_some(())
            .ok_or(format!("{last:?}"))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unary_calls_succeed_once() {
    nodes_come_and_go(Grpc::Unary).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_are_whole() {
    nodes_come_and_go(Grpc::Streaming).await;
}
