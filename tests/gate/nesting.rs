//! A gate inside of a nested axum router, which sees the path without its prefix.

use std::{
    future::ready,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::OriginalUri,
    routing::{any, any_service},
};
use http::{Request, Response, Uri};
use http_body_util::BodyExt;
use noleader::LeaderOnlyLayer;
use tokio_test::{assert_pending, task};
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};

use crate::node::{LEASE, Node, settle, soon};

const LEADER: &str = "http://leader.example:8080/base";
const PATH: &str = "/api/v1/orders?full=yes";
const AT_LEADER: &str = "http://leader.example:8080/base/api/v1/orders?full=yes";

/// The URI that the handler sees, and the original one.
async fn uris(uri: Uri, OriginalUri(original): OriginalUri) -> String {
    format!("{uri} {original}")
}

fn nested(orders: Router) -> Router {
    Router::new().nest("/api", Router::new().nest("/v1", orders))
}

fn orders() -> Router {
    Router::new().route("/orders", any(uris))
}

async fn send(app: Router) -> Response<Body> {
    let request = Request::post(PATH).body(Body::empty()).unwrap();
    soon(app.oneshot(request)).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.into()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_nested_gate_redirects_with_the_whole_path() {
    let node = Node::follower_of(Some(LEADER)).await;
    let gate = || LeaderOnlyLayer::new(node.handle.clone()).redirect();
    let service = gate().layer(orders());
    let places = [
        nested(orders().layer(gate())),
        Router::new().nest("/api/v1", orders().layer(gate())),
        Router::new().nest("/api/{version}", orders().layer(gate())),
        Router::new().nest_service("/api/v1", service.clone()),
        Router::new().route("/api/v1/orders", any_service(service)),
        nested(orders()).layer(gate()),
    ];
    for app in places {
        let response = send(app).await;
        assert_eq!(response.status(), 307);
        assert_eq!(response.headers()["location"], AT_LEADER);
    }
}

type Sent = Arc<Mutex<Vec<Uri>>>;

/// A client of a leader that refuses every request, or executes it.
fn client(
    sent: &Sent,
    refuses: bool,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = BoxError, Future: Send>
+ Clone
+ Send
+ 'static {
    let sent = sent.clone();
    service_fn(move |request: Request<Body>| {
        sent.lock().unwrap().push(request.uri().clone());
        let mark = request.headers()["noleader-forwarded"].to_str().unwrap();
        let mut response = Response::builder();
        if refuses {
            response = response.header("noleader-refused", mark.split(' ').nth(2).unwrap());
        }
        ready(Ok(response.body(Body::from("there")).unwrap()))
    })
}

#[tokio::test(start_paused = true)]
async fn a_nested_gate_forwards_the_whole_path() {
    let node = Node::follower_of(Some(LEADER)).await;
    let sent = Sent::default();
    let gate = || LeaderOnlyLayer::new(node.handle.clone());
    for app in [
        nested(orders().layer(gate().forward(client(&sent, false)))),
        nested(orders().layer(gate().wait_up_to(LEASE).forward(client(&sent, false)))),
    ] {
        assert_eq!(text(send(app).await).await, "there");
        assert_eq!(
            sent.lock().unwrap().drain(..).collect::<Vec<_>>(),
            [AT_LEADER]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_held_request_keeps_its_stripped_path() {
    let node = Node::follower().await;
    let gate = LeaderOnlyLayer::new(node.handle.clone()).wait_up_to(2 * LEASE);
    let mut response = task::spawn(send(nested(orders().layer(gate.redirect()))));
    assert_pending!(response.poll());
    node.advance(LEASE).await;
    assert_eq!(
        text(response.await).await,
        format!("/orders?full=yes {PATH}")
    );
}

/// After an attempt that the leader refused.
#[tokio::test(start_paused = true)]
async fn a_refused_request_keeps_its_stripped_path() {
    const LONG: Duration = Duration::from_secs(600);
    let node = Node::follower_of(Some(LEADER)).await;
    let sent = Sent::default();
    let gate = LeaderOnlyLayer::new(node.handle.clone()).wait_up_to(LONG);
    let app = nested(orders().layer(gate.forward(client(&sent, true))));
    let mut response = task::spawn(send(app));
    assert_pending!(response.poll());
    assert_eq!(*sent.lock().unwrap(), [AT_LEADER]);
    node.advance(LEASE).await;
    settle().await;
    assert_eq!(
        text(response.await).await,
        format!("/orders?full=yes {PATH}")
    );
}
