//! Which requests are gated.

use std::{convert::Infallible, future::ready};

use axum::body::Body;
use http::{Method, Request, Response, Version};
use noleader::{LeaderOnlyLayer, NotLeader, Term};
use tower::{BoxError, Layer, ServiceExt, service_fn};

use crate::node::Node;

/// Responds whether the request carries a term.
async fn tell(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let term = request.extensions().get::<Term>();
    Ok(Response::new(term.map_or("none", |_| "a term").into()))
}

async fn text(response: Response<impl http_body::Body<Error: std::fmt::Debug>>) -> String {
    let body = http_body_util::BodyExt::collect(response.into_body())
        .await
        .unwrap();
    String::from_utf8(body.to_bytes().into()).unwrap()
}

fn request(method: Method, path: &str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .body(Body::empty())
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn writes_only_lets_reads_pass_without_a_term() {
    let (leader, follower) = (Node::leader().await, Node::follower().await);
    let on = |node: &Node| {
        let layer = LeaderOnlyLayer::new(node.handle.clone()).writes_only();
        layer.layer(service_fn(tell))
    };
    for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE] {
        for node in [&leader, &follower] {
            let response = on(node)
                .oneshot(request(method.clone(), "/"))
                .await
                .unwrap();
            assert_eq!(text(response).await, "none", "{method}");
        }
    }
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let response = on(&leader)
            .oneshot(request(method.clone(), "/"))
            .await
            .unwrap();
        assert_eq!(text(response).await, "a term", "{method}");
        let response = on(&follower)
            .oneshot(request(method.clone(), "/"))
            .await
            .unwrap();
        assert_eq!(response.status(), 503, "{method}");
    }
}

/// A request that asks for another protocol, or looks like one.
fn upgrade(method: Method, version: Version, uri: &str, headers: &[(&str, &str)]) -> Request<()> {
    let builder = Request::builder().method(method).version(version).uri(uri);
    let builder = headers
        .iter()
        .fold(builder, |b, line| b.header(line.0, line.1));
    builder.body(()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn writes_only_gates_upgrades_unless_they_may_pass() {
    const SOCKET: [(&str, &str); 2] = [("connection", "upgrade"), ("upgrade", "websocket")];
    const SLOPPY: [(&str, &str); 2] = [("connection", "upgrades"), ("upgrade", "websocket")];
    const H2C: [(&str, &str); 2] = [("connection", "upgrade"), ("upgrade", "h2c")];
    let (http1, http2) = (Version::HTTP_11, Version::HTTP_2);
    let (get, post, connect) = (Method::GET, Method::POST, Method::CONNECT);
    #[rustfmt::skip]
    let cases = [
        // Gated by default, and with `upgrades_pass`.
        (true, false, upgrade(get.clone(), http1, "/talk", &SOCKET)),
        (true, false, upgrade(connect.clone(), http2, "http://h/talk", &[])),
        (true, true, upgrade(post.clone(), http1, "/talk", &SOCKET)),
        (true, true, upgrade(post, http1, "/talk", &H2C)),
        (true, true, upgrade(connect.clone(), http1, "h:443", &[])),
        (true, true, upgrade(connect.clone(), http2, "h:443", &[])),
        (true, true, upgrade(connect, http1, "/talk", &SOCKET)),
        (false, false, upgrade(get.clone(), http1, "/talk", &H2C)),
        (false, false, upgrade(get.clone(), http1, "/talk", &SOCKET[..1])),
        // hyper and axum upgrade these as well.
        (true, false, upgrade(get.clone(), http1, "/talk", &SOCKET[1..])),
        (true, false, upgrade(get.clone(), http1, "/talk", &SLOPPY)),
        (false, false, upgrade(get, Version::HTTP_10, "/talk", &SOCKET)),
    ];
    let follower = Node::follower().await;
    let layer = LeaderOnlyLayer::new(follower.handle.clone()).writes_only();
    let passing = layer.clone().upgrades_pass();
    for (by_default, with_setting, request) in cases {
        for (layer, is_gated) in [(&layer, by_default), (&passing, with_setting)] {
            let request = request.clone().map(|()| Body::empty());
            let shown = format!("{request:?}");
            let service = layer.layer(service_fn(tell));
            let response = service.oneshot(request).await.unwrap();
            assert_eq!(response.status() == 503, is_gated, "{shown}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn upgrades_pass_a_gate_that_fails() {
    let follower = Node::follower().await;
    let layer = LeaderOnlyLayer::new(follower.handle.clone());
    let service = service_fn(|_: Request<()>| ready(Ok::<_, BoxError>(())));
    let request = || {
        let headers = [("connection", "upgrade"), ("upgrade", "websocket")];
        upgrade(Method::GET, Version::HTTP_11, "/talk", &headers)
    };
    let gated = layer.clone().fail().writes_only().layer(service);
    assert!(
        gated
            .oneshot(request())
            .await
            .unwrap_err()
            .is::<NotLeader>()
    );
    let passing = layer.fail().writes_only().upgrades_pass().layer(service);
    passing.oneshot(request()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn when_gates_by_the_closure() {
    let node = Node::follower().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone())
        .when(|req: &Request<Body>| req.uri().path().starts_with("/admin"));
    let service = layer.layer(service_fn(tell));
    let response = service
        .clone()
        .oneshot(request(Method::GET, "/admin/x"))
        .await
        .unwrap();
    assert_eq!(response.status(), 503);
    let response = service
        .oneshot(request(Method::POST, "/orders"))
        .await
        .unwrap();
    assert_eq!(text(response).await, "none");
}

#[tokio::test(start_paused = true)]
async fn when_gates_requests_of_any_type() {
    let node = Node::follower().await;
    let odd = |number: &u32| number % 2 == 1;
    let double = service_fn(|number: u32| ready(Ok::<_, BoxError>(number * 2)));
    let before = LeaderOnlyLayer::new(node.handle.clone()).fail().when(odd);
    let after = LeaderOnlyLayer::new(node.handle.clone()).when(odd).fail();
    for service in [before.layer(double), after.layer(double)] {
        assert_eq!(service.clone().oneshot(2).await.unwrap(), 4);
        assert!(service.oneshot(1).await.unwrap_err().is::<NotLeader>());
    }
}
