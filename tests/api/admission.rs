//! `Admission` as an axum extractor: what outlasts the response is drained too.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Body,
    middleware::{self, Next},
    routing::{get, post},
};
use http::Request;
use noleader::{Admission, LeaderOnlyLayer, Term};
use tokio::sync::{mpsc, oneshot};
use tower::ServiceExt;

use crate::node::{Node, released, settle};

/// A handler that hands its admission to work that outlasts the response.
fn app(node: &Node, kept: mpsc::UnboundedSender<Admission>) -> Router {
    let keep = post(|term: Term, admission: Admission| async move {
        assert_eq!(admission.term(), &term);
        kept.send(admission).unwrap();
    });
    let read = get(|admission: Option<Admission>| async move { admission.is_some().to_string() });
    Router::new()
        .route("/", keep.merge(read))
        .layer(LeaderOnlyLayer::new(node.handle.clone()).writes_only())
}

async fn send(app: &Router, request: http::request::Builder) -> (u16, String) {
    let request = request.body(Body::empty()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 1024).await;
    (status, String::from_utf8(body.unwrap().into()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn an_extracted_admission_delays_the_release() {
    let node = Node::leader().await;
    let (sender, mut kept) = mpsc::unbounded_channel();
    let app = app(&node, sender);
    assert_eq!(send(&app, Request::post("/")).await.0, 200);
    let admission = kept.recv().await.unwrap();
    let stepped_down = node.step_down().await;
    settle().await;
    assert_eq!(node.handle.draining(), 1);
    assert!(admission.term().closing().is_cancelled());
    assert!(admission.term().is_current() && !stepped_down.is_finished());
    drop(admission);
    released(stepped_down).await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_passes_the_gate_has_no_admission() {
    let node = Node::leader().await;
    let (sender, _kept) = mpsc::unbounded_channel();
    let app = app(&node, sender);
    assert_eq!(send(&app, Request::get("/")).await, (200, "false".into()));
}

#[tokio::test(start_paused = true)]
async fn an_admission_without_a_layer_is_a_server_error() {
    let app = Router::new().route("/", post(|_: Admission| async {}));
    let (status, text) = send(&app, Request::post("/")).await;
    assert_eq!(status, 500);
    assert!(text.contains("LeaderOnlyLayer"), "{text}");
}

/// A request that is extracted from only after its term was lost.
#[tokio::test(start_paused = true)]
async fn a_lost_term_gives_no_further_admission() {
    for is_optional in [false, true] {
        let node = Node::leader().await;
        let (go_on, wait) = oneshot::channel::<()>();
        let wait = Arc::new(Mutex::new(Some(wait)));
        let late = middleware::from_fn(move |request: Request<Body>, next: Next| {
            let wait = wait.lock().unwrap().take().unwrap();
            async move {
                wait.await.unwrap();
                next.run(request).await
            }
        });
        let handler = match is_optional {
            false => post(|_: Admission| async {}),
            true => post(|_: Option<Admission>| async {}),
        };
        let app = Router::new()
            .route("/", handler.layer(late))
            .layer(LeaderOnlyLayer::new(node.handle.clone()));
        let answer = tokio::spawn(async move { send(&app, Request::post("/")).await });
        settle().await;
        node.lose().await;
        go_on.send(()).unwrap();
        let (status, text) = answer.await.unwrap();
        assert_eq!(status, 503);
        assert!(text.starts_with("leadership was lost"), "{text}");
    }
}
