//! A route behind the gates of two elections: a request carries the term of each.

use axum::{Router, extract::State, routing::post};
use http::{Extensions, Request};
use noleader::{LeaderHandle, LeaderOnlyLayer, Term};
use tower::ServiceExt;

use crate::node::{LEASE, Node, settle, soon};

/// The elections that the handler asks for: the outer one, the inner one, and one without a gate.
type Elections = [LeaderHandle; 3];

/// What the handler finds.
#[derive(Debug, PartialEq)]
struct Found {
    plain: Option<Term>,
    each: [Option<Term>; 3],
}

type Sender = tokio::sync::mpsc::UnboundedSender<Found>;

async fn find(
    State((elections, found)): State<(Elections, Sender)>,
    plain: Option<Term>,
    extensions: Extensions,
) {
    let each = elections.map(|election| election.term_in(&extensions));
    found.send(Found { plain, each }).unwrap();
}

fn app(nodes: [&Node; 3], wait: bool) -> (Router, tokio::sync::mpsc::UnboundedReceiver<Found>) {
    let (sender, found) = tokio::sync::mpsc::unbounded_channel();
    let elections = nodes.map(|node| node.handle.clone());
    let gate = |handle: &LeaderHandle| {
        let gate = LeaderOnlyLayer::new(handle.clone());
        if wait {
            gate.wait_up_to(2 * LEASE)
        } else {
            gate
        }
    };
    let (outer, inner) = (gate(&elections[0]), gate(&elections[1]));
    let app = Router::new()
        .route("/orders", post(find))
        .layer(inner)
        .layer(outer)
        .with_state((elections, sender));
    (app, found)
}

async fn send(app: Router) -> http::StatusCode {
    let request = Request::post("/orders")
        .body(axum::body::Body::empty())
        .unwrap();
    soon(app.oneshot(request)).await.unwrap().status()
}

#[tokio::test(start_paused = true)]
async fn a_request_carries_the_term_of_each_gate() {
    let (outer, inner, other) = (
        Node::leader().await,
        Node::leader().await,
        Node::leader().await,
    );
    let (app, mut found) = app([&outer, &inner, &other], false);
    assert_eq!(send(app).await, 200);
    let expected = Found {
        plain: inner.handle.term(),
        each: [outer.handle.term(), inner.handle.term(), None],
    };
    assert_ne!(expected.each[0], expected.each[1]);
    assert_eq!(found.recv().await.unwrap(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_held_request_carries_the_term_of_each_gate() {
    let (outer, inner, other) = (
        Node::follower().await,
        Node::follower().await,
        Node::follower().await,
    );
    let (app, mut found) = app([&outer, &inner, &other], true);
    let sent = tokio::spawn(send(app));
    settle().await;
    outer.advance(LEASE).await;
    inner.advance(LEASE).await;
    assert_eq!(sent.await.unwrap(), 200);
    let expected = Found {
        plain: inner.handle.term(),
        each: [outer.handle.term(), inner.handle.term(), None],
    };
    assert_eq!(found.recv().await.unwrap(), expected);
}

/// A further gate of one election does not hide the term of another.
#[tokio::test(start_paused = true)]
async fn three_gates_of_two_elections() {
    let (a, b) = (Node::leader().await, Node::leader().await);
    let gate = |node: &Node| LeaderOnlyLayer::new(node.handle.clone());
    let (sender, mut found) = tokio::sync::mpsc::unbounded_channel();
    let elections = [&a, &b, &a].map(|node| node.handle.clone());
    let app = Router::new()
        .route("/orders", post(find))
        .layer(gate(&a))
        .layer(gate(&b))
        .layer(gate(&a))
        .with_state((elections, sender));
    assert_eq!(send(app).await, 200);
    let (a, b) = (a.handle.term(), b.handle.term());
    let expected = Found {
        plain: a.clone(),
        each: [a.clone(), b, a],
    };
    assert_eq!(found.recv().await.unwrap(), expected);
}

/// The term of a request stays the one under which it was admitted.
#[tokio::test(start_paused = true)]
async fn the_term_is_that_of_the_admission() {
    let node = Node::leader().await;
    let term = node.handle.term().unwrap();
    let mut extensions = Extensions::new();
    assert_eq!(node.handle.term_in(&extensions), None);
    extensions.insert(term.clone());
    node.handle.step_down().await.unwrap();
    assert!(!term.is_current());
    assert_eq!(node.handle.term_in(&extensions), Some(term));
}
