//! The layers of tower-http, outside and inside of the gate, with every follower action, in axum and in tonic.

use std::time::Duration;

use ::http::{Request, Response, StatusCode};
use axum::{Router, body::Body, routing::post};
use noleader::{LeaderOnlyLayer, NotLeader};
use tokio::net::TcpListener;
use tonic::{
    Code,
    transport::{self, server::TcpIncoming},
};
use tower::{ServiceBuilder, ServiceExt};

use crate::{
    cluster::{Cluster, WAIT},
    crowd::{Front, Order},
    grpc::{self, OrdersService, Tonic},
    http::forwarding_client,
    layers::tower_http_layers,
    ledger::ID,
    orders::Orders,
};

/// Passes `$stack` one stack of layers after the other: each layer of tower-http outside of the gate, and then inside.
macro_rules! each_stack {
    ($gate:expr, $stack:ident) => {
        tower_http_layers!(each_stack!(@ $gate, $stack,))
    };
    (@ $gate:expr, $stack:ident, $($layer:expr),*) => {
        $(
            $stack!(concat!(stringify!($layer), " outside"),
                ServiceBuilder::new().layer($layer).layer($gate));
            $stack!(concat!(stringify!($layer), " inside"),
                ServiceBuilder::new().layer($gate).layer($layer));
        )*
        $stack!("all outside", ServiceBuilder::new()$(.layer($layer))*.layer($gate));
        $stack!("all inside", ServiceBuilder::new().layer($gate)$(.layer($layer))*);
    };
}

/// Passes `$with` each follower action, with the status that a follower returns.
macro_rules! each_action {
    ($node:expr, $with:ident) => {
        let gate = || LeaderOnlyLayer::new($node.handle.clone());
        $with!(gate(), 503);
        $with!(gate().writes_only(), 503);
        $with!(gate().redirect(), 307);
        $with!(gate().forward(forwarding_client(Default::default())), 200);
        $with!(gate().wait_up_to(WAIT), 503);
        $with!(gate().wait_up_to(WAIT).redirect(), 307);
        $with!(
            gate()
                .wait_up_to(WAIT)
                .forward(forwarding_client(Default::default())),
            200
        );
        $with!(gate().cancel_on_loss().reveal_leader(true), 503);
        $with!(
            gate()
                .cancel_on_loss()
                .forward(forwarding_client(Default::default())),
            200
        );
        $with!(gate().min_remaining(Duration::from_millis(1)), 503);
    };
}

fn app() -> Router {
    Router::new().route(
        "/orders",
        post(|body: String| async move { format!("created {body}") }),
    )
}

async fn cluster() -> Cluster {
    Cluster::start(|site| site.serve(app())).await
}

fn order() -> Request<Body> {
    Request::post("/orders")
        .header("host", "localhost")
        .header(ID, "one")
        .body(Body::from("an order"))
        .unwrap()
}

async fn status(app: Router) -> StatusCode {
    let response = app.oneshot(order()).await.unwrap();
    let (head, body) = response.into_parts();
    axum::body::to_bytes(body, 1024).await.unwrap();
    head.status
}

#[tokio::test]
async fn every_layer_composes_in_axum() {
    let cluster = cluster().await;
    for node in &cluster.nodes[..2] {
        macro_rules! check {
            ($gate:expr, $by_follower:expr) => {
                macro_rules! stack {
                    ($name:expr, $stack:expr) => {
                        let expected = if node.handle.is_leader() {
                            200
                        } else {
                            $by_follower
                        };
                        let status = status(app().layer($stack)).await;
                        assert_eq!(status, expected, "{}: {}", stringify!($gate), $name);
                    };
                }
                each_stack!($gate, stack);
            };
        }
        each_action!(node, check);
    }
}

#[tokio::test]
async fn closures_compose_in_axum() {
    let cluster = cluster().await;
    let follower = &cluster.nodes[1];
    let gate = || LeaderOnlyLayer::new(follower.handle.clone());
    macro_rules! stack {
        ($name:expr, $stack:expr) => {
            assert_eq!(status(app().layer($stack)).await, 421, "{}", $name);
        };
    }
    each_stack!(
        gate().reject_with(|_: NotLeader, _: Request<_>| misdirected()),
        stack
    );
    each_stack!(
        gate().reject_with(async |_: NotLeader, _: Request<_>| misdirected()),
        stack
    );
}

#[tokio::test]
async fn every_layer_composes_in_tonic() {
    let orders = Orders::default();
    let cluster = Cluster::start(|site| grpc::serve(site, &orders)).await;
    for node in &cluster.nodes[..2] {
        let gate = || LeaderOnlyLayer::new(node.handle.clone());
        macro_rules! check {
            ($gate:expr, $by_follower:expr) => {
                macro_rules! stack {
                    ($name:expr, $stack:expr) => {
                        let expected = if node.handle.is_leader() {
                            Code::Ok
                        } else {
                            $by_follower
                        };
                        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                        let url = format!("http://{}", listener.local_addr().unwrap());
                        let server = transport::Server::builder()
                            .layer($stack)
                            .add_service(OrdersService(orders.clone()));
                        let incoming = TcpIncoming::from(listener);
                        let server = tokio::spawn(server.serve_with_incoming(incoming));
                        let answer = Tonic.send(url, Order::new("one", "order")).await;
                        assert_eq!(answer.code, i32::from(expected), "{}: {answer:?}", $name);
                        server.abort();
                    };
                }
                each_stack!($gate, stack);
            };
        }
        check!(gate(), Code::Unavailable);
        check!(gate().redirect(), Code::Unavailable);
        check!(
            gate().wait_up_to(WAIT).forward(grpc::forwarding_client()),
            Code::Ok
        );
    }
}

fn misdirected() -> Response<Body> {
    let mut response = Response::new(Body::from("elsewhere"));
    *response.status_mut() = StatusCode::MISDIRECTED_REQUEST;
    response
}
