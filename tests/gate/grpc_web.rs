//! The exact responses to gRPC-Web requests, without a layer that translates them.

use std::{
    convert::Infallible,
    future::{pending, ready},
    task::Poll,
};

use axum::body::Body;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{
    HeaderMap, Request, Response,
    header::{CONTENT_ENCODING, CONTENT_LENGTH},
    response::Builder,
};
use http_body_util::BodyExt;
use noleader::{LeaderOnlyLayer, TermLost};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};
use tower::{BoxError, Layer, ServiceExt, service_fn};

use crate::node::Node;

const BINARY: &str = "application/grpc-web+proto";
const TEXT: &str = "application/grpc-web-text+proto";
/// The messages `ab` and `c`, and the same in base64.
const MESSAGES: &str = "\0\0\0\0\x02ab\0\0\0\0\x01c";
const MESSAGES_AS_TEXT: &str = "AAAAAAJhYgAAAAABYw==";

/// A frame of trailers.
fn frame(trailers: &str) -> Vec<u8> {
    let length = u32::try_from(trailers.len()).unwrap();
    [&[0x80], &length.to_be_bytes()[..], trailers.as_bytes()].concat()
}

fn no_leader() -> Vec<u8> {
    frame(
        "noleader-reason: no_leader\r\n\
         grpc-retry-pushback-ms: 1000\r\n\
         grpc-status: 14\r\n\
         grpc-message: this node does not lead: no node leads at the moment; \
         the request was not executed\r\n",
    )
}

fn lost() -> Vec<u8> {
    frame(
        "grpc-status: 10\r\n\
         grpc-message: leadership was lost while the request was in progress; \
         it may have been executed\r\n\
         noleader-reason: lost\r\n",
    )
}

/// Decodes a body of base64.
fn decoded(text: &[u8]) -> Vec<u8> {
    BASE64_STANDARD.decode(text).unwrap()
}

fn request(content_type: &str) -> Request<Body> {
    Request::post("/orders.Orders/Create")
        .header("content-type", content_type)
        .body(Body::empty())
        .unwrap()
}

fn layer(node: &Node) -> LeaderOnlyLayer {
    LeaderOnlyLayer::new(node.handle.clone()).cancel_on_loss()
}

/// The response to a request that the service does not answer.
async fn answer(node: &Node, request: Request<Body>) -> (HeaderMap, Vec<u8>) {
    let service = service_fn(|_| pending::<Result<Response<Body>, Infallible>>());
    let mut response = task::spawn(layer(node).layer(service).oneshot(request));
    if node.handle.is_leader() {
        assert_pending!(response.poll());
        node.lose().await;
    }
    let response = assert_ready_ok!(response.poll());
    assert_eq!(response.status(), 200);
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.headers, body.to_vec())
}

/// Ends the term of a response that has sent these pieces, and returns what the client reads next, if anything.
async fn cut(head: Builder, pieces: &'static [&'static str]) -> Poll<Result<Bytes, BoxError>> {
    let node = Node::leader().await;
    let head = head.body(()).unwrap().into_parts().0;
    let service = service_fn(move |_| {
        let pieces = stream::iter(pieces).map(|piece| Ok::<_, BoxError>(*piece));
        let body = Body::from_stream(pieces.chain(stream::pending()));
        ready(Ok::<_, Infallible>(Response::from_parts(
            head.clone(),
            body,
        )))
    });
    let response = layer(&node).layer(service).oneshot(request(BINARY)).await;
    let mut body = response.unwrap().into_body();
    for piece in pieces {
        let frame = body.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), piece);
    }
    node.lose().await;
    let next = task::spawn(body.frame()).poll();
    next.map(|frame| Ok(frame.unwrap()?.into_data().unwrap()))
}

fn head(content_type: &str) -> Builder {
    Response::builder().header("content-type", content_type)
}

#[tokio::test(start_paused = true)]
async fn trailers_are_the_body() {
    let node = Node::follower().await;
    for content_type in [BINARY, "application/grpc-web", "application/grpc-web+json"] {
        let (headers, body) = answer(&node, request(content_type)).await;
        assert_eq!(headers.len(), 1);
        assert_eq!(headers["content-type"], content_type);
        assert_eq!(body, no_leader());
    }
    for content_type in [TEXT, "application/grpc-web-text"] {
        let (headers, body) = answer(&node, request(content_type)).await;
        assert_eq!(headers.len(), 1);
        assert_eq!(headers["content-type"], content_type);
        assert_eq!(decoded(&body), no_leader());
    }
    let node = Node::leader().await;
    let (headers, body) = answer(&node, request(TEXT)).await;
    assert_eq!(headers["content-type"], TEXT);
    let trailers = String::from_utf8(decoded(&body)[5..].to_vec()).unwrap();
    assert!(trailers.contains("grpc-status: 10\r\n"), "{trailers}");
    assert!(trailers.contains("noleader-reason: lost\r\n"), "{trailers}");
}

/// The node that has forwarded the request does not read the body.
#[tokio::test(start_paused = true)]
async fn a_refused_attempt_is_named_in_a_header() {
    let node = Node::follower().await;
    let mut request = request(BINARY);
    let mark = "memory/leader 1 f 0".parse().unwrap();
    request.headers_mut().insert("noleader-forwarded", mark);
    let (headers, body) = answer(&node, request).await;
    assert_eq!(headers.len(), 2);
    assert_eq!(headers["noleader-refused"], "f");
    assert_eq!(body, no_leader());
}

#[tokio::test(start_paused = true)]
async fn a_lost_term_ends_streams_with_trailers() {
    for pieces in [&[][..], &[MESSAGES], &[MESSAGES, MESSAGES]] {
        let trailers = assert_ready!(cut(head(BINARY), pieces).await);
        assert_eq!(trailers.unwrap(), lost());
    }
    for pieces in [&[][..], &[MESSAGES_AS_TEXT, MESSAGES_AS_TEXT]] {
        let trailers = assert_ready!(cut(head(TEXT), pieces).await);
        assert_eq!(decoded(&trailers.unwrap()), lost());
    }
}

/// A client would read trailers as the rest of the message.
#[tokio::test(start_paused = true)]
async fn a_lost_term_within_a_message_fails_the_body() {
    let encoded = || head(BINARY).header(CONTENT_ENCODING, "gzip");
    let sized = || head(BINARY).header(CONTENT_LENGTH, "1024");
    for (head, pieces) in [
        (head(BINARY), &["\0\0\0\0\x02a"][..]),
        (head(BINARY), &["\0\0\0\0\x02a", "b\0\0\0\0\x01c"]),
        (head(TEXT), &["AAAAAAJh"]),
        (encoded(), &[]),
        (sized(), &[MESSAGES]),
    ] {
        let error = assert_ready!(cut(head, pieces).await).unwrap_err();
        assert!(error.is::<TermLost>(), "{pieces:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_follows_trailers() {
    const TRAILERS: &str = "gAAAABBncnBjLXN0YXR1czogMA0K";
    assert_eq!(
        decoded(TRAILERS.as_bytes()),
        b"\x80\0\0\0\x10grpc-status: 0\r\n"
    );
    assert!(
        cut(head(TEXT), &[MESSAGES_AS_TEXT, TRAILERS])
            .await
            .is_pending()
    );
}
