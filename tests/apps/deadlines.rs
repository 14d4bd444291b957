//! The deadline of a gRPC client, as the handlers see it.

#![allow(
    clippy::disallowed_methods,
    reason = "measures how long a request was held"
)]

use std::{
    convert::Infallible,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use ::http::uri::PathAndQuery;
use futures_util::future::BoxFuture;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use noleader::{Admission, LeaderOnlyLayer};
use tokio::task::JoinHandle;
use tonic::{
    Code, Request, Response, Status,
    body::Body,
    client,
    server::{self, NamedService},
    service::Routes,
};
use tonic_prost::ProstCodec;
use tower::{Layer, Service, service_fn, util::MapRequestLayer};

use crate::{
    cluster::{Cluster, Node, Site, WAIT, soon},
    grpc::forwarding_client,
    ledger::ID,
    server::Server,
    streams::long_drain,
};

const GRPC_TIMEOUT: &str = "grpc-timeout";
const TIMEOUT: Duration = Duration::from_secs(60);

/// Returns the timeout that it receives.
#[derive(Clone)]
struct Timeouts;

impl NamedService for Timeouts {
    const NAME: &'static str = "test.Timeouts";
}

impl Service<::http::Request<Body>> for Timeouts {
    type Response = ::http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: ::http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = server::Grpc::new(ProstCodec::<String, String>::default());
            let get = service_fn(async |request: Request<String>| {
                let timeout = request.metadata().get(GRPC_TIMEOUT).unwrap();
                Ok(Response::new(timeout.to_str().unwrap().to_owned()))
            });
            Ok(grpc.unary(get, request).await)
        })
    }
}

/// A server that leaves deadlines to the services, unlike tonic's own.
fn serve(site: Site) -> Server {
    let gate = LeaderOnlyLayer::new(site.handle)
        .wait_up_to(WAIT)
        .forward(forwarding_client());
    let arrived = site.arrived;
    let record = MapRequestLayer::new(move |request: axum::extract::Request| {
        arrived.record(request.headers());
        request
    });
    let routes = Routes::new(gate.layer(Timeouts));
    Server::axum(site.listener, routes.into_axum_router().layer(record))
}

/// A request in progress.
struct Sent {
    at: Instant,
    arrived: Instant,
    answer: JoinHandle<Result<String, Status>>,
}

/// Sends a request in the background, from a client that goes on waiting after its deadline.
async fn send(node: &Node, timeout: &'static str) -> Sent {
    let client: Client<_, Body> = Client::builder(TokioExecutor::new())
        .http2_only(true)
        .build_http();
    let mut client = client::Grpc::with_origin(client, node.url.parse().unwrap());
    let mut request = Request::new(String::new());
    let id = format!("to {}", node.handle.id());
    let metadata = request.metadata_mut();
    metadata.insert(ID, id.parse().unwrap());
    metadata.insert(GRPC_TIMEOUT, timeout.parse().unwrap());
    let at = Instant::now();
    let answer = tokio::spawn(async move {
        client.ready().await.unwrap();
        let path = PathAndQuery::from_static("/test.Timeouts/Get");
        let codec = ProstCodec::<String, String>::default();
        Ok(client.unary(request, path, codec).await?.into_inner())
    });
    node.arrived.until_all(&[id]).await;
    Sent {
        at,
        arrived: Instant::now(),
        answer,
    }
}

/// A cluster whose leader drains for as long as the admission is held.
async fn draining() -> (Cluster, Admission) {
    let cluster = Cluster::with_settings(long_drain, serve).await;
    let admission = cluster.nodes[0].handle.admit().unwrap();
    drop(cluster.nodes[0].step_down());
    soon(admission.term().closing().cancelled()).await;
    (cluster, admission)
}

#[tokio::test]
async fn handlers_receive_the_rest_of_the_timeout() {
    let (cluster, admission) = draining().await;
    let mut sent = Vec::new();
    for node in &cluster.nodes {
        sent.push(send(node, "60S").await);
    }
    let released = Instant::now();
    drop(admission);
    for sent in sent {
        let left = soon(sent.answer).await.unwrap().unwrap();
        let micros = left.strip_suffix('u').expect(&left).parse().unwrap();
        let left = Duration::from_micros(micros);
        assert!(left <= TIMEOUT - (released - sent.arrived), "{left:?}");
        // Each hop rounds down.
        let hops = Duration::from_micros(2);
        assert!(left + hops >= TIMEOUT - sent.at.elapsed(), "{left:?}");
    }
}

#[tokio::test]
async fn a_hold_ends_at_the_clients_deadline() {
    let (cluster, _admission) = draining().await;
    for node in &cluster.nodes {
        let sent = send(node, "50m").await;
        let status = soon(sent.answer).await.unwrap().unwrap_err();
        assert!(sent.at.elapsed() < WAIT);
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
        let text = "the client's deadline has passed; the request was not executed";
        assert!(status.message().ends_with(text), "{status:?}");
        assert!(status.metadata().contains_key("noleader-reason"));
    }
}

#[tokio::test]
async fn a_timeout_that_is_not_valid_is_passed_on() {
    let (cluster, admission) = draining().await;
    let mut sent = Vec::new();
    for node in &cluster.nodes {
        sent.push(send(node, "60s").await);
    }
    drop(admission);
    for sent in sent {
        assert_eq!(soon(sent.answer).await.unwrap().unwrap(), "60s");
    }
}
