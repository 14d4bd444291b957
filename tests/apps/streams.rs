//! Responses without an end of their own. Each ends on `closing`, so that a step-down does not wait for them.

use std::{convert::Infallible, time::Duration};

use ::http::{Request, uri::PathAndQuery};
use axum::{
    Router,
    body::Body,
    response::sse::{Event, Sse},
    routing::get,
};
use futures_util::{
    Stream, StreamExt,
    future::ready,
    stream::{self, pending},
};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use noleader::{Builder, Term, store::Memory};
use tokio::time::timeout;
use tonic::{Streaming, client::Grpc, transport::Endpoint};
use tonic_prost::ProstCodec;

use crate::{
    cluster::{Cluster, Node, Site, soon},
    grpc::{self, WATCH},
    ledger::ID,
    orders::Orders,
};

/// The bound for a step-down, far below [`DRAIN_TIMEOUT`].
pub(crate) const AT_ONCE: Duration = Duration::from_secs(10);
const DRAIN_TIMEOUT: Duration = Duration::from_secs(600);

const STREAMS_PER_NODE: usize = 3;

pub(crate) fn long_drain(builder: Builder<Memory>) -> Builder<Memory> {
    builder.drain_timeout(DRAIN_TIMEOUT)
}

/// Steps down, and checks that another node leads soon afterwards.
pub(crate) async fn hand_over_at_once(cluster: &Cluster) {
    let leader = &cluster.nodes[0];
    let handed_over = async {
        leader.step_down().await.unwrap().unwrap();
        cluster.leader().await
    };
    let next = timeout(AT_ONCE, handed_over)
        .await
        .expect("a stream holds up the step-down");
    assert_ne!(next.handle.id(), leader.handle.id());
}

/// Sends `open`, and `bye` once the gate has closed.
async fn events(term: Term) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let closing = term.closing().cancelled_owned();
    let open = stream::once(ready("open")).chain(pending());
    let events = open.take_until(closing).chain(stream::once(ready("bye")));
    Sse::new(events.map(|event| Ok(Event::default().data(event))))
}

async fn open_events(node: &Node) -> Incoming {
    let client: Client<_, Body> = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::get(format!("{}/events", node.url)).header(ID, "events");
    let request = request.body(Body::empty()).unwrap();
    let response = soon(client.request(request)).await.unwrap();
    assert_eq!(response.status(), 200);
    let mut body = response.into_body();
    let first = soon(body.frame()).await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "data: open\n\n");
    body
}

#[tokio::test]
async fn server_sent_events_end_with_the_gate() {
    let serve = |site: Site| site.serve(Router::new().route("/events", get(events)));
    let cluster = Cluster::with_settings(long_drain, serve).await;
    let mut open = Vec::new();
    for node in &cluster.nodes {
        for _ in 0..STREAMS_PER_NODE {
            open.push(open_events(node).await);
        }
    }
    hand_over_at_once(&cluster).await;
    for body in open {
        // An incomplete response is an error.
        let rest = soon(body.collect()).await.unwrap().to_bytes();
        assert_eq!(rest, "data: bye\n\n");
    }
}

async fn open_watch(node: &Node) -> Streaming<String> {
    let channel = Endpoint::from_shared(node.url.clone())
        .unwrap()
        .connect_lazy();
    let mut client = Grpc::new(channel);
    client.ready().await.unwrap();
    let mut request = tonic::Request::new(String::new());
    request.metadata_mut().insert(ID, "watch".parse().unwrap());
    let codec = ProstCodec::default();
    let response = client.server_streaming(request, PathAndQuery::from_static(WATCH), codec);
    let mut messages = soon(response).await.unwrap().into_inner();
    assert_eq!(
        soon(messages.message()).await.unwrap().as_deref(),
        Some("open")
    );
    messages
}

#[tokio::test]
async fn grpc_streams_end_with_the_gate() {
    let serve = |site| grpc::serve(site, &Orders::default());
    let cluster = Cluster::with_settings(long_drain, serve).await;
    let mut open = Vec::new();
    for node in &cluster.nodes {
        for _ in 0..STREAMS_PER_NODE {
            open.push(open_watch(node).await);
        }
    }
    hand_over_at_once(&cluster).await;
    for mut messages in open {
        assert_eq!(
            soon(messages.message()).await.unwrap().as_deref(),
            Some("bye")
        );
        assert_eq!(soon(messages.message()).await.unwrap(), None);
    }
}
