//! A gated service whose handlers call another gated service, with all headers of their request.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use ::http::{HeaderMap, Method, StatusCode};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    response::IntoResponse,
    routing::any,
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use crate::{
    cluster::{Cluster, soon},
    crowd::{Crowd, Order, send},
    drain::Drain,
    http::Http,
    ledger::ID,
    orders::{Orders, SLOW},
};

/// The handlers of the first service, which call the nodes of the second in turn.
#[derive(Clone)]
struct Calling {
    orders: Orders,
    client: Client<HttpConnector, Body>,
    nodes: Arc<[String]>,
    calls: Arc<AtomicUsize>,
}

impl Calling {
    fn new(orders: &Orders, second: &Cluster) -> Self {
        Self {
            orders: orders.clone(),
            client: Client::builder(TokioExecutor::new()).build_http(),
            nodes: second.nodes.iter().map(|node| node.url.clone()).collect(),
            calls: Arc::default(),
        }
    }

    fn app(&self) -> Router {
        Router::new()
            .route("/orders", any(call))
            .with_state(self.clone())
    }
}

async fn call(
    State(app): State<Calling>,
    method: Method,
    mut headers: HeaderMap,
    body: Bytes,
) -> impl IntoResponse {
    app.orders.execute(&headers).await;
    headers.remove(SLOW);
    let call = app.calls.fetch_add(1, Ordering::Relaxed);
    let url = format!("{}/orders", app.nodes[call % app.nodes.len()]);
    let mut request = Request::new(Body::from(body));
    *request.method_mut() = method;
    *request.uri_mut() = url.parse().unwrap();
    *request.headers_mut() = headers;
    let response = app.client.request(request).await;
    response.map_err(|error| (StatusCode::BAD_GATEWAY, format!("{error:?}")))
}

/// The executions by both services, and their nodes.
struct Services {
    first: (Orders, Cluster),
    second: (Orders, Cluster),
    front: Http,
}

impl Services {
    async fn start() -> Self {
        let (first, second) = (Orders::default(), Orders::default());
        let second_cluster = Cluster::start(|site| site.serve(second.app())).await;
        let calling = Calling::new(&first, &second_cluster);
        let first_cluster = Cluster::start(|site| site.serve(calling.app())).await;
        Self {
            first: (first, first_cluster),
            second: (second, second_cluster),
            front: Http::default(),
        }
    }

    /// Checks that each request succeeds, and that both services have executed it once.
    async fn succeeds_once(&self, crowd: Crowd) {
        let ids = crowd.ids();
        crowd.succeeds_once(&self.first.0.executed).await;
        for id in ids {
            assert_eq!(self.second.0.executed.times(&id), 1, "{id}");
        }
    }
}

#[tokio::test]
async fn copied_headers_do_not_stop_the_second_gate() {
    let services = Services::start().await;
    let crowd = Crowd::arrive("through", &services.front, &services.first.1.nodes).await;
    services.succeeds_once(crowd).await;
}

#[tokio::test]
async fn requests_while_both_services_drain_succeed_once() {
    let services = Services::start().await;
    let (first, second) = (&services.first, &services.second);
    let one = Drain::begin(&services.front, &first.1.nodes[0], &first.0).await;
    let two = Drain::begin(&services.front, &second.1.nodes[0], &second.0).await;
    let crowd = Crowd::arrive("through", &services.front, &first.1.nodes).await;
    // The slow request of the first service waits for the second.
    two.end().await;
    one.end().await;
    services.succeeds_once(crowd).await;
}

/// A handler that copied a mark could otherwise make the second gate reject its call.
#[tokio::test]
async fn handlers_do_not_see_the_gates_headers() {
    let names = async |headers: HeaderMap| {
        let names: Vec<_> = headers.keys().map(ToString::to_string).collect();
        names.join(" ")
    };
    let app = Router::new().route("/orders", any(names));
    let cluster = Cluster::start(|site| site.serve(app.clone())).await;
    for node in &cluster.nodes {
        let order = Order::new(node.handle.id(), "order");
        let answer = soon(send(&Http::default(), node, order)).await.unwrap();
        assert!(answer.ok && answer.text.contains(ID), "{answer:?}");
        assert!(!answer.text.contains("noleader"), "{answer:?}");
    }
}
