//! Which requests are gated.

use std::{convert::Infallible, future::ready};

use axum::body::Body;
use http::{Method, Request, Response};
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
