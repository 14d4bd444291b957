//! What docs/actions.md says of browsers: pages of another origin, and redirects.
//!
//! No browser runs here. Clients send what a page causes a browser to send, and connect-web sees the headers that a
//! browser would show it.

use std::{
    future::ready,
    io::{self, Write},
};

use ::http::{HeaderMap, HeaderName, Method, Uri, header};
use axum::{Router, response::Redirect, routing::post};
use noleader::{LeaderHandle, LeaderOnlyLayer};
use reqwest::{Response, StatusCode};
use serde_json::json;
use tokio::{net::TcpListener, process::Command};
use tonic::{Code, transport};
use tonic_web::GrpcWebLayer;
use tower::{
    Layer,
    layer::util::{Identity, Stack},
};
use tower_http::cors::{CorsLayer, ExposeHeaders};

use crate::{
    cluster::{Cluster, Site},
    connect_web::ConnectWeb,
    grpc::OrdersService,
    grpc_web::{self, served},
    http::forwarding_client,
    orders::Orders,
    server::Server,
};

const PAGE: &str = "https://shop.example";
const ALLOWED: &str = "access-control-allow-origin";

fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin([PAGE.parse().unwrap()])
        .allow_methods([Method::POST])
        .allow_headers([header::CONTENT_TYPE, header::AUTHORIZATION])
        .expose_headers([
            header::RETRY_AFTER,
            HeaderName::from_static("noleader-reason"),
        ])
}

/// Returns the `authorization` that it receives.
async fn create(headers: HeaderMap) -> String {
    let value = headers.get(header::AUTHORIZATION);
    value.map_or("nothing".to_owned(), |value| {
        value.to_str().unwrap().to_owned()
    })
}

fn app() -> Router {
    Router::new().route("/orders", post(create))
}

/// Three nodes, of which the first leads, behind `layers`.
async fn cluster(layers: impl Fn(Router, LeaderHandle) -> Router) -> Cluster {
    let serve = |site: Site| Server::axum(site.listener, layers(app(), site.handle));
    Cluster::start(serve).await
}

/// The first request of a page that is about to send JSON.
async fn preflight(url: &str) -> Response {
    let request = reqwest::Client::new().request(Method::OPTIONS, format!("{url}/orders"));
    let request = request
        .header(header::ORIGIN, PAGE)
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "content-type");
    request.send().await.unwrap()
}

async fn order(url: &str) -> Response {
    let request = reqwest::Client::new().post(format!("{url}/orders"));
    request.header(header::ORIGIN, PAGE).send().await.unwrap()
}

/// Whether a browser passes the response on to the page.
fn is_allowed(response: &Response) -> bool {
    let values: Vec<_> = response.headers().get_all(ALLOWED).iter().collect();
    assert!(values.len() <= 1, "a browser accepts one value: {values:?}");
    values == [PAGE]
}

#[tokio::test]
async fn cors_outside_of_the_gate_covers_rejections() {
    let cluster =
        cluster(|app, handle| app.layer(LeaderOnlyLayer::new(handle)).layer(cors())).await;
    for node in &cluster.nodes[..2] {
        let response = preflight(&node.url).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(is_allowed(&response));
        let response = order(&node.url).await;
        assert_eq!(response.status().is_success(), node.handle.is_leader());
        assert!(is_allowed(&response));
        let exposed = &response.headers()[header::ACCESS_CONTROL_EXPOSE_HEADERS];
        assert_eq!(exposed, "retry-after,noleader-reason");
    }
}

#[tokio::test]
async fn cors_inside_of_the_gate_does_not_cover_rejections() {
    let all = cluster(|app, handle| app.layer(cors()).layer(LeaderOnlyLayer::new(handle))).await;
    let response = preflight(&all.nodes[1].url).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(!is_allowed(&order(&all.nodes[1].url).await));
    assert!(is_allowed(&order(&all.nodes[0].url).await));

    let writes = cluster(|app, handle| {
        app.layer(cors())
            .layer(LeaderOnlyLayer::new(handle).writes_only())
    })
    .await;
    let response = preflight(&writes.nodes[1].url).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(is_allowed(&response));
    let response = order(&writes.nodes[1].url).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(!is_allowed(&response));
}

/// Both nodes allow the page, and the browser would not accept the header twice.
#[tokio::test]
async fn cors_of_two_nodes_is_given_once() {
    let cluster = cluster(|app, handle| {
        let gate = LeaderOnlyLayer::new(handle).forward(forwarding_client(Default::default()));
        app.layer(gate).layer(cors())
    })
    .await;
    for node in &cluster.nodes[..2] {
        let response = order(&node.url).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(is_allowed(&response));
    }
}

/// A gRPC server that exposes these headers to the page.
fn with_cors(exposed: impl Into<ExposeHeaders>) -> transport::Server<Stack<CorsLayer, Identity>> {
    transport::Server::builder().layer(cors().expose_headers(exposed))
}

#[tokio::test]
async fn a_page_reads_grpc_web_without_exposed_headers() {
    let Some(mut client) = ConnectWeb::start().await else {
        return;
    };
    let orders = Orders::default();
    let cluster = Cluster::start(|site| grpc_web::serve(site, &orders)).await;
    let gate = || LeaderOnlyLayer::new(cluster.nodes[1].handle.clone());
    let web = GrpcWebLayer::new;
    let service = || OrdersService(orders.clone());
    let outside = served!(with_cors(Vec::new()), gate().layer(web().layer(service())));
    let inside = || web().layer(gate().layer(service()));
    let status = ["grpc-status", "grpc-message"].map(HeaderName::from_static);
    let all = status
        .clone()
        .into_iter()
        .chain([HeaderName::from_static("noleader-reason")]);
    let all: Vec<_> = all.collect();

    client.create_from_page(&outside, "outside").await;
    let failure = client.fails().await;
    assert_eq!(failure.code, Code::Unavailable as i32);
    assert_eq!(failure.metadata["noleader-reason"], "not_leader");

    let url = served!(with_cors(Vec::new()), inside());
    client.create_from_page(&url, "nothing exposed").await;
    assert_eq!(client.fails().await.code, Code::Unknown as i32);

    let url = served!(with_cors(status), inside());
    client.create_from_page(&url, "status").await;
    let failure = client.fails().await;
    assert_eq!(failure.code, Code::Unavailable as i32);
    assert!(!failure.metadata.contains_key("noleader-reason"));

    let url = served!(with_cors(all), inside());
    client.create_from_page(&url, "all").await;
    let failure = client.fails().await;
    assert_eq!(failure.code, Code::Unavailable as i32);
    assert_eq!(failure.metadata["noleader-reason"], "not_leader");
}

const TOKEN: &str = "Bearer secret";

/// What the leader receives from a client that asks it, and from one that a follower redirects to another port.
const RECEIVED: [(usize, &str); 2] = [(0, TOKEN), (1, "nothing")];

async fn redirecting() -> Cluster {
    cluster(|app, handle| app.layer(LeaderOnlyLayer::new(handle).redirect())).await
}

#[tokio::test]
async fn reqwest_drops_authorization_when_redirected() {
    let cluster = redirecting().await;
    for (node, received) in RECEIVED {
        let request = reqwest::Client::new()
            .post(format!("{}/orders", cluster.nodes[node].url))
            .header(header::AUTHORIZATION, TOKEN);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.text().await.unwrap(), received);
    }
}

#[tokio::test]
async fn curl_drops_authorization_when_redirected() {
    let cluster = redirecting().await;
    for (node, received) in RECEIVED {
        let mut curl = Command::new("curl");
        curl.args(["-sSfL", "-d", "order", "-H"])
            .arg(format!("authorization: {TOKEN}"))
            .arg(format!("{}/orders", cluster.nodes[node].url));
        let Ok(output) = curl.output().await else {
            writeln!(io::stderr(), "skipped: curl is not installed").unwrap();
            return;
        };
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), received);
    }
}

#[tokio::test]
async fn fetch_drops_authorization_when_redirected() {
    let Some(mut client) = ConnectWeb::start().await else {
        return;
    };
    let cluster = redirecting().await;
    for (node, received) in RECEIVED {
        let url = format!("{}/orders", cluster.nodes[node].url);
        client.fetch(&url, json!({ "authorization": TOKEN })).await;
        client.receives(received).await;
    }
}

/// The reason for which [`LeaderOnlyLayer::redirect`] rejects gRPC-Web.
#[tokio::test]
async fn connect_web_does_not_follow_redirects() {
    let Some(mut client) = ConnectWeb::start().await else {
        return;
    };
    let orders = Orders::default();
    let cluster = Cluster::start(|site| grpc_web::serve(site, &orders)).await;
    let leader = cluster.nodes[0].url.clone();
    client.create(&leader, "direct").await;
    client.receives("order").await;

    let redirect = move |uri: Uri| ready(Redirect::temporary(&format!("{leader}{uri}")));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let _server = Server::axum(listener, Router::new().fallback(redirect));
    client.create(&url, "redirected").await;
    assert_eq!(client.fails().await.code, Code::Unknown as i32);
    assert_eq!(orders.executed.times("redirected"), 0);
}
