//! axum: three places for the layer, and the extractor `Term`.

use axum::{
    Router,
    body::Body,
    routing::{get, post},
};
use http::{Request, Response};
use http_body_util::BodyExt;
use noleader::{LeaderOnlyLayer, Term};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tower::ServiceExt;

use crate::node::Node;

async fn create(term: Term) -> String {
    term.token().to_string()
}

async fn list(term: Option<Term>) -> &'static str {
    if term.is_some() { "a term" } else { "none" }
}

async fn send(app: &Router, request: Request<Body>) -> (u16, String) {
    let response: Response<Body> = app.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.into()).unwrap())
}

fn write() -> Request<Body> {
    Request::post("/orders").body(Body::empty()).unwrap()
}

fn read() -> Request<Body> {
    Request::get("/orders").body(Body::empty()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn every_placement_of_the_layer_gates_writes() {
    let (leader, follower) = (Node::leader().await, Node::follower().await);
    let token = leader.handle.term().unwrap().token().to_string();
    let apps = |node: &Node| {
        let layer = LeaderOnlyLayer::new(node.handle.clone()).writes_only();
        let orders = get(list).post(create);
        [
            Router::new()
                .route("/orders", orders.clone())
                .layer(layer.clone()),
            Router::new()
                .route("/orders", orders.clone())
                .route_layer(layer.clone()),
            Router::new().route("/orders", orders.layer(layer)),
        ]
    };
    for app in apps(&leader) {
        assert_eq!(send(&app, write()).await, (200, token.clone()));
        assert_eq!(send(&app, read()).await, (200, "none".to_owned()));
    }
    for app in apps(&follower) {
        assert_eq!(send(&app, write()).await.0, 503);
        assert_eq!(send(&app, read()).await, (200, "none".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn every_matcher_works_with_a_router() {
    let node = Node::leader().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone());
    let app = Router::new()
        .route("/orders", get(list).post(create))
        .layer(
            layer
                .clone()
                .when(|req: &Request<Body>| req.uri().path().starts_with("/admin")),
        );
    assert_eq!(send(&app, read()).await.1, "none");
    let app = Router::new()
        .route("/orders", get(list))
        .layer(layer.not_ready());
    assert_eq!(send(&app, read()).await.1, "a term");
}

#[tokio::test(start_paused = true)]
async fn a_term_without_a_layer_is_a_500() {
    let app = Router::new().route("/orders", post(create));
    let (status, text) = send(&app, write()).await;
    assert_eq!(status, 500);
    assert!(
        text.contains("add a LeaderOnlyLayer to its route"),
        "{text}"
    );
}

#[tokio::test]
async fn a_rejection_leaves_the_connection_usable() {
    let node = Node::follower().await;
    let app = Router::new()
        .route("/orders", get(list).post(create))
        .layer(LeaderOnlyLayer::new(node.handle.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, app).await });

    let requests = "HEAD /orders HTTP/1.1\r\nhost: x\r\n\r\n\
        POST /orders HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi";
    client.write_all(requests.as_bytes()).await.unwrap();
    let mut answers = String::new();
    client.read_to_string(&mut answers).await.unwrap();
    let heads: Vec<_> = answers
        .matches("HTTP/1.1 503 Service Unavailable\r\n")
        .collect();
    assert_eq!(heads.len(), 2, "{answers}");
    let text =
        "this node does not lead: no node leads at the moment; the request was not executed\n";
    assert_eq!(answers.matches(text).count(), 1, "{answers}");
    let length = format!("content-length: {}\r\n", text.len());
    assert_eq!(answers.matches(&length).count(), 2, "{answers}");
    server.abort();
}
