//! Requests over HTTP: forwarded and redirected, uploads, and streams of events.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use axum::{
    Extension, Router,
    body::{Body, Bytes},
    extract::Request,
    response::sse::{Event, Sse},
    routing::post,
};
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderMap, StatusCode, header::LOCATION};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use noleader::{LeaderOnlyLayer, Shards, Term};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{CUSTOMER, Front, ID, Ledger, Order, nodes_come_and_go};
use crate::support::BOUND;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Forwarded,
    Redirected,
    /// A body of unknown length, which arrives bit by bit.
    Upload,
    /// A response that goes on until the gate of its shard closes, or it has said all.
    Events,
}

#[derive(Clone)]
struct Http {
    kind: Kind,
    client: Client<HttpConnector, Body>,
}

const CHUNKS: usize = 16;
const CHUNK: usize = 2 * 1024;

impl Http {
    fn new(kind: Kind) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { kind, client }
    }

    fn body(&self) -> Body {
        let chunk = |_| async {
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(Bytes::from_static(&[b'x'; CHUNK]))
        };
        match self.kind {
            Kind::Upload => Body::from_stream(stream::iter(0..CHUNKS).then(chunk)),
            _ => Body::empty(),
        }
    }
}

fn customer(request: &Request) -> Option<String> {
    let customer = request.headers().get(CUSTOMER)?;
    customer.to_str().ok().map(str::to_owned)
}

fn note(headers: &HeaderMap, executed: &Ledger) {
    executed.note(headers[ID].to_str().unwrap());
}

async fn order(Extension(executed): Extension<Ledger>, headers: HeaderMap, body: Bytes) -> String {
    note(&headers, &executed);
    format!("took {} bytes", body.len())
}

async fn events(
    term: Term,
    Extension(executed): Extension<Ledger>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    note(&headers, &executed);
    let tick = |_| async {
        tokio::time::sleep(Duration::from_millis(2)).await;
        "tick"
    };
    let ticks = stream::iter(0..20).then(tick);
    let ticks = ticks.take_until(term.closing().cancelled_owned());
    let all = ticks.chain(stream::iter(["bye"]));
    Sse::new(all.map(|event| Ok(Event::default().data(event))))
}

impl Front for Http {
    fn serve(
        &self,
        shards: Shards,
        listener: TcpListener,
        executed: Ledger,
        stop: CancellationToken,
    ) -> JoinHandle<()> {
        let layer = LeaderOnlyLayer::sharded(shards, customer).wait_up_to(BOUND / 2);
        let router = Router::new()
            .route("/orders", post(order))
            .route("/events", post(events));
        let router = match self.kind {
            Kind::Redirected => router.layer(layer.redirect()),
            _ => router.layer(layer.forward(self.client.clone())),
        };
        let router = router.layer(Extension(executed));
        let server = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
        tokio::spawn(async move { server.await.unwrap() })
    }

    async fn send(self, node: SocketAddr, order: Order) -> Result<(), String> {
        let path = match self.kind {
            Kind::Events => "/events",
            _ => "/orders",
        };
        let first = format!("http://{node}{path}");
        let mut url = first.clone();
        // A client that follows redirects, as browsers do, but not forever.
        for _ in 0..20 {
            let request = Request::post(&url)
                .header(CUSTOMER, &order.customer)
                .header(ID, &order.id)
                .body(self.body())
                .unwrap();
            let response = self.client.request(request).await;
            let response = response.map_err(|error| format!("{url}: {error:?}"))?;
            if response.status() == StatusCode::TEMPORARY_REDIRECT {
                url = response.headers()[LOCATION].to_str().unwrap().to_owned();
                continue;
            }
            let (head, body) = response.into_parts();
            // The node to which it was sent has left meanwhile.
            let has_left = head.headers.get("noleader-reason");
            if url != first && has_left.is_some_and(|reason| reason == "stopped") {
                url = first.clone();
                continue;
            }
            if head.status != StatusCode::OK {
                return Err(format!("{url}: {head:?}"));
            }
            return self.check(body).await;
        }
        Err(format!("too many redirects, at last to {url}"))
    }
}

impl Http {
    /// A body that was cut off is an error.
    async fn check(&self, body: Incoming) -> Result<(), String> {
        let body = body.collect().await;
        let body = body.map_err(|error| format!("the body: {error:?}"))?;
        let text = String::from_utf8(body.to_bytes().to_vec()).unwrap();
        let is_whole = match self.kind {
            Kind::Events => text.ends_with("data: bye\n\n"),
            Kind::Upload => text == format!("took {} bytes", CHUNKS * CHUNK),
            Kind::Forwarded | Kind::Redirected => text == "took 0 bytes",
        };
        is_whole.then_some(()).ok_or(text)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forwarded_requests_succeed_once() {
    nodes_come_and_go(Http::new(Kind::Forwarded)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirected_requests_succeed_once() {
    nodes_come_and_go(Http::new(Kind::Redirected)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_succeed_once() {
    nodes_come_and_go(Http::new(Kind::Upload)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_of_events_are_whole() {
    nodes_come_and_go(Http::new(Kind::Events)).await;
}
