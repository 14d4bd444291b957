//! `cancel_on_loss` ends requests with their term.

use std::{
    convert::Infallible,
    future::{Future, pending},
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use axum::{Router, body::Body, routing::get};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::{Method, Request, Response, uri::PathAndQuery};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, StreamBody};
use noleader::{LeaderOnlyLayer, TermLost};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};
use tonic::{
    Code, Status, client,
    server::{self, NamedService, ServerStreamingService},
    transport::{Endpoint, Server, server::TcpIncoming},
};
use tonic_prost::ProstCodec;
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};

use crate::node::{DRAIN_TIMEOUT, LEASE, Node, released, settle, soon};

const LOST: &str =
    "leadership was lost while the request was in progress; it may have been executed";

fn request(method: Method, content_type: &str) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri("/orders")
        .header("content-type", content_type)
        .body(Body::empty())
        .unwrap()
}

fn post() -> Request<Body> {
    request(Method::POST, "application/json")
}

fn layer(node: &Node) -> LeaderOnlyLayer {
    LeaderOnlyLayer::new(node.handle.clone()).cancel_on_loss()
}

/// A handler that never responds, and a channel that closes when the handler is dropped.
fn endless() -> (
    impl Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Future + Send>
    + Clone,
    oneshot::Receiver<()>,
) {
    let (alive, dropped) = oneshot::channel::<()>();
    let alive = Arc::new(Mutex::new(Some(alive)));
    let service = service_fn(move |_| {
        let alive = alive.lock().unwrap().take();
        async move {
            pending::<()>().await;
            drop(alive);
            Ok(Response::default())
        }
    });
    (service, dropped)
}

/// A body that sends one chunk and never ends, and a channel that closes when the body is dropped.
fn stream_of_one() -> (
    impl Stream<Item = Result<Bytes, BoxError>> + Send,
    oneshot::Receiver<()>,
) {
    let (alive, dropped) = oneshot::channel::<()>();
    let rest = stream::once(async move {
        pending::<()>().await;
        drop(alive);
        Ok(Bytes::new())
    });
    let first = stream::once(async { Ok(Bytes::from("half")) });
    (first.chain(rest), dropped)
}

fn is_closed(channel: &mut oneshot::Receiver<()>) -> bool {
    matches!(
        channel.try_recv(),
        Err(oneshot::error::TryRecvError::Closed)
    )
}

#[tokio::test(start_paused = true)]
async fn a_lost_term_ends_http_with_503() {
    for method in [Method::POST, Method::HEAD] {
        let node = Node::leader().await;
        let (service, mut dropped) = endless();
        let request = request(method.clone(), "application/json");
        let mut response = task::spawn(layer(&node).layer(service).call(request));
        assert_pending!(response.poll());
        node.lose().await;
        assert!(response.is_woken());
        assert!(!is_closed(&mut dropped));
        let response = assert_ready_ok!(response.poll());
        assert!(is_closed(&mut dropped), "the handler was not dropped");

        assert_eq!(response.status(), 503);
        assert_eq!(response.headers().len(), 4);
        assert_eq!(response.headers()["noleader-reason"], "lost");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(
            response.headers()["content-type"],
            "text/plain; charset=utf-8"
        );
        let text = format!("{LOST}\n");
        assert_eq!(response.headers()["content-length"], text.len().to_string());
        let body = response.collect().await.unwrap().to_bytes();
        assert_eq!(body, if method == Method::HEAD { "" } else { &text });
    }
}

/// etcd#18424: the code differs from that of a request that was not executed.
#[tokio::test(start_paused = true)]
async fn a_lost_term_ends_grpc_with_aborted() {
    let node = Node::leader().await;
    let (service, mut dropped) = endless();
    let request = request(Method::POST, "application/grpc+proto");
    let mut response = task::spawn(layer(&node).layer(service).oneshot(request));
    assert_pending!(response.poll());
    node.lose().await;
    let response = assert_ready_ok!(response.poll());
    assert!(is_closed(&mut dropped));
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers().len(), 4);
    assert_eq!(response.headers()["content-type"], "application/grpc");
    assert_eq!(response.headers()["grpc-status"], "10");
    assert_eq!(response.headers()["grpc-message"], LOST);
    assert_eq!(response.headers()["noleader-reason"], "lost");
    assert!(response.body().is_end_stream());
}

/// The background task has not run yet since the process woke.
#[tokio::test(start_paused = true)]
async fn a_woken_process_does_not_continue_a_request() {
    let node = Node::leader().await;
    let service =
        service_fn(|_| std::future::ready(Ok::<_, Infallible>(Response::<Body>::default())));
    let mut service = layer(&node).layer(service);
    let mut response = task::spawn(service.call(post()));
    node.clock.advance_silently(LEASE);
    let response = assert_ready_ok!(response.poll());
    assert_eq!(response.headers()["noleader-reason"], "lost");

    let node = Node::leader().await;
    let (stream, _dropped) = stream_of_one();
    let mut body = streaming(&node, "application/json", stream)
        .await
        .into_body();
    node.clock.advance_silently(LEASE);
    let mut frame = task::spawn(body.frame());
    let error = assert_ready!(frame.poll()).unwrap().unwrap_err();
    assert!(error.is::<TermLost>());
}

async fn streaming(
    node: &Node,
    content_type: &'static str,
    stream: impl Stream<Item = Result<Bytes, BoxError>> + Send + 'static,
) -> Response<noleader::middleware::ResponseBody<Body>> {
    let body = Arc::new(Mutex::new(Some(Body::from_stream(stream))));
    let service = service_fn(move |_| {
        let response = Response::builder().header("content-type", content_type);
        let body = body.lock().unwrap().take().unwrap();
        std::future::ready(Ok::<_, Infallible>(response.body(body).unwrap()))
    });
    let request = request(Method::POST, content_type);
    layer(node).layer(service).oneshot(request).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_lost_term_fails_the_response_body() {
    let node = Node::leader().await;
    let (stream, mut dropped) = stream_of_one();
    let mut body = streaming(&node, "application/json", stream)
        .await
        .into_body();
    let half = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(half, "half");
    let mut body = task::spawn(body);
    assert_pending!(body.enter(|cx, body| body.poll_frame(cx)));
    node.lose().await;
    assert!(body.is_woken());
    let end = body.enter(|cx, body| body.poll_frame(cx));
    let error = assert_ready!(end).unwrap().unwrap_err();
    assert!(error.is::<TermLost>());
    assert_eq!(error.to_string(), LOST);
    assert!(is_closed(&mut dropped), "the body was not dropped");
    assert!(body.is_end_stream());
    assert!(assert_ready!(body.enter(|cx, body| body.poll_frame(cx))).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_lost_term_ends_grpc_streams_with_aborted() {
    let node = Node::leader().await;
    let (stream, mut dropped) = stream_of_one();
    let mut body = streaming(&node, "application/grpc", stream)
        .await
        .into_body();
    body.frame().await.unwrap().unwrap();
    node.lose().await;
    let trailers = body
        .frame()
        .await
        .unwrap()
        .unwrap()
        .into_trailers()
        .unwrap();
    assert_eq!(trailers["grpc-status"], "10");
    assert_eq!(trailers["grpc-message"], LOST);
    assert_eq!(trailers["noleader-reason"], "lost");
    assert!(is_closed(&mut dropped));
    assert!(body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_finished_response_is_not_changed() {
    let node = Node::leader().await;
    let service = service_fn(|_| {
        let frames = stream::iter([
            Ok::<_, BoxError>(Frame::data(Bytes::from("all"))),
            Ok(Frame::trailers(Default::default())),
        ]);
        std::future::ready(Ok::<_, Infallible>(Response::new(StreamBody::new(frames))))
    });
    let response = layer(&node).layer(service).oneshot(post()).await.unwrap();
    let mut body = response.into_body();
    assert!(body.frame().await.unwrap().unwrap().is_data());
    assert!(body.frame().await.unwrap().unwrap().is_trailers());
    assert!(body.frame().await.is_none());
    node.lose().await;
    assert!(body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_body_are_returned() {
    let node = Node::leader().await;
    let torn = stream::iter([Err::<Bytes, BoxError>("torn".into())]);
    let mut body = streaming(&node, "application/json", torn).await.into_body();
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "torn");
}

#[tokio::test(start_paused = true)]
async fn the_drain_timeout_ends_admitted_requests() {
    let node = Node::leader().await;
    let (service, mut dropped) = endless();
    let mut response = task::spawn(layer(&node).layer(service).oneshot(post()));
    assert_pending!(response.poll());
    let stepped_down = node.step_down().await;
    assert_pending!(response.poll(), "the term ended before the drain timeout");
    for _ in 0..10 {
        node.advance(DRAIN_TIMEOUT / 10).await;
    }
    let response = assert_ready_ok!(response.poll());
    assert_eq!(response.headers()["noleader-reason"], "lost");
    assert!(is_closed(&mut dropped));
    released(stepped_down).await;
}

#[tokio::test(start_paused = true)]
async fn requests_without_a_term_continue_after_a_loss() {
    let node = Node::leader().await;
    let (service, mut dropped) = endless();
    let layer = layer(&node).writes_only();
    let get = request(Method::GET, "text/plain");
    let mut passed = task::spawn(layer.clone().layer(service.clone()).oneshot(get));
    assert_pending!(passed.poll());
    node.lose().await;
    assert_pending!(passed.poll());
    assert!(!is_closed(&mut dropped));

    let refused = soon(layer.layer(service).oneshot(post())).await.unwrap();
    assert_eq!(refused.headers()["noleader-reason"], "no_leader");
    assert_eq!(refused.headers()["retry-after"], "1");
    let text = refused.collect().await.unwrap().to_bytes();
    assert_eq!(
        text,
        "this node does not lead: no node leads at the moment; the request was not executed\n"
    );
}

#[tokio::test(start_paused = true)]
async fn settings_can_be_given_in_any_order() {
    let node = Node::follower().await;
    let new = || LeaderOnlyLayer::new(node.handle.clone());
    let wait = LEASE * 2;
    let first = new().cancel_on_loss().wait_up_to(wait).redirect();
    let last = new().redirect().wait_up_to(wait).cancel_on_loss();
    let mixed = new().wait_up_to(wait).cancel_on_loss().redirect();
    for layer in [first, last, mixed.reveal_leader(true)] {
        let (service, _dropped) = endless();
        let mut response = task::spawn(layer.layer(service).oneshot(post()));
        assert_pending!(response.poll());
        node.advance(LEASE).await;
        node.until(|status| matches!(status, noleader::Status::Leader { .. }))
            .await;
        assert_pending!(response.poll());
        node.lose().await;
        let response = assert_ready_ok!(response.poll());
        assert_eq!(response.headers()["noleader-reason"], "lost");
        node.store.memory.set_outage(false);
        settle().await;
    }
}

/// The last chunk is missing, so that the client detects the truncated body.
#[tokio::test]
async fn an_http_client_sees_a_truncated_body() {
    let node = Node::leader().await;
    let handler = || async { Body::from_stream(stream_of_one().0) };
    let app = Router::new().route("/", get(handler)).layer(layer(&node));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    client
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"half\r\n") {
        assert_ne!(client.read_buf(&mut answer).await.unwrap(), 0);
    }
    node.lose().await;
    client.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.ends_with("half\r\n"), "{answer}");
    server.abort();
}

#[derive(Clone)]
struct Ticks;

impl NamedService for Ticks {
    const NAME: &'static str = "test.Ticks";
}

impl ServerStreamingService<()> for Ticks {
    type Response = u64;
    type ResponseStream = stream::BoxStream<'static, Result<u64, Status>>;
    type Future = std::future::Ready<Result<tonic::Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, _: tonic::Request<()>) -> Self::Future {
        let ticks = stream::once(async { Ok(1) }).chain(stream::pending());
        std::future::ready(Ok(tonic::Response::new(ticks.boxed())))
    }
}

impl Service<Request<tonic::body::Body>> for Ticks {
    type Response = Response<tonic::body::Body>;
    type Error = Infallible;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<tonic::body::Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = server::Grpc::new(ProstCodec::<u64, ()>::default());
            Ok(grpc.server_streaming(Ticks, request).await)
        })
    }
}

#[tokio::test]
async fn a_grpc_client_sees_aborted() {
    let node = Node::leader().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::builder()
        .add_service(layer(&node).layer(Ticks))
        .serve_with_incoming(TcpIncoming::from(listener));
    let server = tokio::spawn(server);

    let channel = Endpoint::from_shared(address).unwrap().connect_lazy();
    let mut client = client::Grpc::new(channel);
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static("/test.Ticks/Watch");
    let codec = ProstCodec::<(), u64>::default();
    let ticks = client.server_streaming(tonic::Request::new(()), path, codec);
    let mut ticks = ticks.await.unwrap().into_inner();
    assert_eq!(ticks.message().await.unwrap(), Some(1));
    node.lose().await;
    let end = tokio::time::timeout(Duration::from_secs(10), ticks.message());
    let status = end.await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Aborted);
    assert_eq!(status.message(), LOST);
    assert_eq!(status.metadata().get("noleader-reason").unwrap(), "lost");
    server.abort();
}

#[test]
fn futures_and_bodies_are_send() {
    fn check<T: Send + std::fmt::Debug>() {}
    use noleader::middleware::{ResponseBody, ResponseFuture};
    check::<ResponseFuture<std::future::Ready<()>, Body, BoxError>>();
    check::<ResponseBody<http_body_util::Full<Bytes>>>();
}
