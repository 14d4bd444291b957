//! Clients send fencing tokens of their own. The handler sees and sends only the token of its term.

use std::{convert::Infallible, future::ready};

use axum::{Router, body::Body, extract::Request, routing::post};
use http::HeaderMap;
use http_body_util::BodyExt;
use noleader::{
    LeaderOnlyLayer, Term,
    fencing::{self, FENCING_TOKEN},
};
use tokio::net::TcpListener;
use tonic::{
    client,
    codegen::http::uri::PathAndQuery,
    transport::{Endpoint, Server, server::TcpIncoming},
};
use tonic_prost::ProstCodec;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::{grpc::Tokens, node::Node};

/// No token, the largest, the smallest, several, a list, and an invalid one.
const FORGED: [&[&str]; 6] = [
    &[],
    &["18446744073709551615"],
    &["0"],
    &["18446744073709551615", "0", "1"],
    &["1,2"],
    &["not a token"],
];

fn forge(headers: &mut HeaderMap, values: &[&'static str]) {
    for value in values {
        headers.append(FENCING_TOKEN, value.parse().unwrap());
    }
}

fn request(values: &[&'static str]) -> Request {
    let mut request = Request::post("/orders").body(Body::empty()).unwrap();
    forge(request.headers_mut(), values);
    request
}

fn token_of(node: &Node) -> u64 {
    node.handle.term().unwrap().token().into()
}

#[tokio::test(start_paused = true)]
async fn the_extensions_carry_the_term_of_the_gate() {
    let node = Node::leader().await;
    let term = node.handle.term();
    let service = service_fn(|request: Request| {
        let found: Option<Term> = request.extensions().get().cloned();
        let mut response = http::Response::new(Body::empty());
        response.extensions_mut().insert(found);
        ready(Ok::<_, Infallible>(response))
    });
    let mut service = LeaderOnlyLayer::new(node.handle.clone()).layer(service);
    for values in FORGED {
        let response = service
            .ready()
            .await
            .unwrap()
            .call(request(values))
            .await
            .unwrap();
        let found: &Option<Term> = response.extensions().get().unwrap();
        assert_eq!(*found, term, "{values:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_extractor_returns_the_term_of_the_gate() {
    let node = Node::leader().await;
    let create = post(|term: Term| async move { term.token().to_string() });
    let app = Router::new()
        .route("/orders", create)
        .layer(LeaderOnlyLayer::new(node.handle.clone()));
    for values in FORGED {
        let response = app.clone().oneshot(request(values)).await.unwrap();
        let body = response.collect().await.unwrap().to_bytes();
        assert_eq!(body, token_of(&node).to_string(), "{values:?}");
    }
}

#[tokio::test]
async fn a_tonic_service_gets_the_gates_term() {
    let node = Node::leader().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let gated = LeaderOnlyLayer::new(node.handle.clone()).layer(Tokens);
    let server = Server::builder()
        .add_service(gated)
        .serve_with_incoming(TcpIncoming::from(listener));
    let server = tokio::spawn(server);

    let channel = Endpoint::from_shared(address).unwrap().connect_lazy();
    let mut client = client::Grpc::new(channel);
    for values in FORGED {
        client.ready().await.unwrap();
        let mut request = tonic::Request::new(());
        forge(request.metadata_mut().as_mut(), values);
        let path = PathAndQuery::from_static("/test.Tokens/Get");
        let codec = ProstCodec::<(), u64>::default();
        let response = client.unary(request, path, codec).await.unwrap();
        assert_eq!(response.into_inner(), token_of(&node), "{values:?}");
    }
    server.abort();
}

/// The handler copies the client's headers into the outgoing request, and `Term::fence` replaces the forged token.
#[tokio::test(start_paused = true)]
async fn fence_replaces_forged_tokens_in_headers() {
    let node = Node::leader().await;
    let create = post(|term: Term, headers: HeaderMap| async move {
        let mut outgoing = http::Request::put("/orders/1").body(()).unwrap();
        *outgoing.headers_mut() = headers;
        term.fence(outgoing.headers_mut());
        fencing::token(outgoing.headers()).unwrap().to_string()
    });
    let app = Router::new()
        .route("/orders", create)
        .layer(LeaderOnlyLayer::new(node.handle.clone()));
    let expected = token_of(&node).to_string();
    for values in FORGED {
        let response = app.clone().oneshot(request(values)).await.unwrap();
        let body = response.collect().await.unwrap().to_bytes();
        assert_eq!(body, expected, "{values:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn fence_replaces_forged_tokens_in_metadata() {
    let node = Node::leader().await;
    let term = node.handle.term().unwrap();
    for values in FORGED {
        let mut outgoing = tonic::Request::new(());
        forge(outgoing.metadata_mut().as_mut(), values);
        term.fence(outgoing.metadata_mut().as_mut());
        let token = fencing::token(outgoing.metadata().as_ref());
        assert_eq!(token, Ok(term.token()), "{values:?}");
    }
}
