//! The lease is held until the body of each admitted response ends or is dropped.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    pin::{Pin, pin},
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use axum::{Router, body::Body as AnyBody};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use noleader::{LeaderOnlyLayer, Status, middleware::ResponseBody};
use tokio::sync::mpsc;
use tower::{BoxError, Layer, Service, ServiceExt, service_fn, util::ServiceFn};

use crate::node::{DRAIN_TIMEOUT, LEASE, Node, released, settle};

/// A body that the test writes.
#[derive(Debug)]
struct Written(mpsc::UnboundedReceiver<Result<Frame<Bytes>, BoxError>>);

type Writer = mpsc::UnboundedSender<Result<Frame<Bytes>, BoxError>>;

impl Body for Written {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0.poll_recv(cx)
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = SizeHint::new();
        hint.set_upper(42);
        hint
    }
}

/// A leader, one of its responses, and the writer of that response's body.
async fn streaming() -> (Node, Response<ResponseBody<Written>>, Writer) {
    let node = Node::leader().await;
    let (writer, written) = mpsc::unbounded_channel();
    let body = Arc::new(Mutex::new(Some(Written(written))));
    let service = service_fn(move |_: Request<AnyBody>| {
        let body = body.lock().unwrap().take().unwrap();
        ready(Ok::<_, BoxError>(Response::new(body)))
    });
    let layer = LeaderOnlyLayer::new(node.handle.clone());
    let response = layer
        .layer(service)
        .oneshot(Request::default())
        .await
        .unwrap();
    (node, response, writer)
}

#[tokio::test(start_paused = true)]
async fn step_down_waits_until_the_body_ends() {
    let (node, response, writer) = streaming().await;
    let stepped_down = node.step_down().await;
    assert_eq!(node.handle.status(), Status::Draining);
    assert_eq!(node.handle.draining(), 1);

    let mut body = response.into_body();
    writer.send(Ok(Frame::data("some".into()))).unwrap();
    let some = body.frame().await.unwrap().unwrap();
    assert_eq!(some.into_data().unwrap(), "some");
    settle().await;
    assert!(!stepped_down.is_finished(), "released during a response");

    let trailers = HeaderMap::from_iter([("a".parse().unwrap(), "b".parse().unwrap())]);
    writer.send(Ok(Frame::trailers(trailers.clone()))).unwrap();
    let last = body.frame().await.unwrap().unwrap();
    assert_eq!(last.into_trailers().unwrap(), trailers);
    drop(writer);
    assert!(body.frame().await.is_none());
    // The body has ended, but is not dropped yet.
    released(stepped_down).await;
    assert!(body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn step_down_waits_until_the_body_is_dropped() {
    let (node, response, _writer) = streaming().await;
    let stepped_down = node.step_down().await;
    let (head, body) = response.into_parts();
    drop(head);
    settle().await;
    assert!(!stepped_down.is_finished());
    drop(body);
    released(stepped_down).await;
}

type Gated = fn(LeaderOnlyLayer, Router) -> Router;

/// Each action, alone and wrapped.
const ACTIONS: [(&str, Gated); 9] = [
    ("reject", |layer, app| app.layer(layer)),
    ("reject_with", |layer, app| {
        app.layer(layer.reject_with(|_, _: Request<AnyBody>| Response::new(AnyBody::empty())))
    }),
    ("redirect", |layer, app| app.layer(layer.redirect())),
    ("forward", |layer, app| app.layer(layer.forward(unused()))),
    ("not_ready", |layer, app| app.layer(layer.not_ready())),
    ("wait_up_to", |layer, app| {
        app.layer(layer.wait_up_to(LEASE))
    }),
    ("cancel_on_loss", |layer, app| {
        app.layer(layer.cancel_on_loss())
    }),
    ("forward and cancel_on_loss", |layer, app| {
        app.layer(layer.forward(unused()).cancel_on_loss())
    }),
    ("all", |layer, app| {
        let layer = layer.wait_up_to(LEASE).forward(unused());
        app.layer(layer.cancel_on_loss().writes_only())
    }),
];

/// A client that is never called.
fn unused() -> Client<HttpConnector, AnyBody> {
    Client::builder(TokioExecutor::new()).build_http()
}

#[tokio::test(start_paused = true)]
async fn step_down_waits_for_bodies_with_every_action() {
    for (action, gated) in ACTIONS {
        let node = Node::leader().await;
        let (writer, written) = mpsc::unbounded_channel();
        let body = Arc::new(Mutex::new(Some(Written(written))));
        let handler = async move || AnyBody::new(body.lock().unwrap().take().unwrap());
        let layer = LeaderOnlyLayer::new(node.handle.clone());
        let app = gated(layer, Router::new().fallback(handler));
        let request = Request::post("/orders").body(AnyBody::empty()).unwrap();
        let response = app.oneshot(request).await.unwrap();

        let stepped_down = node.step_down().await;
        assert_eq!(node.handle.draining(), 1, "{action}");
        assert!(!stepped_down.is_finished(), "{action}");
        writer.send(Ok(Frame::data("whole".into()))).unwrap();
        drop(writer);
        let body = response.into_body().collect().await.unwrap();
        assert_eq!(body.to_bytes(), "whole", "{action}");
        released(stepped_down).await;
    }
}

type Answer = Ready<Result<Response<AnyBody>, BoxError>>;
type Broken = ServiceFn<fn(Request<AnyBody>) -> Answer>;

/// Steps down after the service has failed, while its future is still alive.
async fn is_released_with_the_error<L>(gated: impl FnOnce(LeaderOnlyLayer) -> L)
where
    L: Layer<Broken, Service: Service<Request<AnyBody>, Error: Into<BoxError>>>,
{
    let node = Node::leader().await;
    let broken: Broken = service_fn(|_| ready(Err("broken".into())));
    let mut service = gated(LeaderOnlyLayer::new(node.handle.clone())).layer(broken);
    let mut response = pin!(service.call(Request::new(AnyBody::empty())));
    let error = response.as_mut().await.err().unwrap();
    assert_eq!(error.into().to_string(), "broken");
    released(node.step_down().await).await;
}

#[tokio::test(start_paused = true)]
async fn step_down_does_not_wait_for_failed_requests() {
    is_released_with_the_error(|layer| layer).await;
    is_released_with_the_error(|layer| {
        layer.reject_with(|_, _: Request<AnyBody>| Response::new(AnyBody::empty()))
    })
    .await;
    is_released_with_the_error(LeaderOnlyLayer::redirect).await;
    is_released_with_the_error(|layer| layer.forward(unused())).await;
    is_released_with_the_error(LeaderOnlyLayer::not_ready).await;
    is_released_with_the_error(|layer| layer.wait_up_to(LEASE)).await;
    is_released_with_the_error(LeaderOnlyLayer::cancel_on_loss).await;
}

#[tokio::test(start_paused = true)]
async fn step_down_does_not_wait_for_failed_bodies() {
    let (node, response, writer) = streaming().await;
    let stepped_down = node.step_down().await;
    let mut body = response.into_body();
    writer.send(Err("torn".into())).unwrap();
    assert!(body.frame().await.unwrap().is_err());
    released(stepped_down).await;
}

#[tokio::test(start_paused = true)]
async fn step_down_waits_at_most_the_drain_timeout() {
    let (node, response, _writer) = streaming().await;
    let stepped_down = node.step_down().await;
    // In steps shorter than the lease, so that it is renewed meanwhile.
    for _ in 0..10 {
        assert!(!stepped_down.is_finished());
        node.advance(DRAIN_TIMEOUT / 10).await;
    }
    released(stepped_down).await;
    drop(response);
}

/// Responds with `body` and steps down, while the response is still alive.
async fn is_released_with_the_response<B>(body: B) -> ResponseBody<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let node = Node::leader().await;
    let body = Arc::new(Mutex::new(Some(body)));
    let service = service_fn(move |_: Request<AnyBody>| {
        let body = body.lock().unwrap().take().unwrap();
        ready(Ok::<_, Infallible>(Response::new(body)))
    });
    let layer = LeaderOnlyLayer::new(node.handle.clone());
    let response = layer
        .layer(service)
        .oneshot(Request::default())
        .await
        .unwrap();
    let mut body = response.into_body();
    while !body.is_end_stream() {
        let _ = body.frame().await.unwrap();
    }
    released(node.step_down().await).await;
    body
}

#[tokio::test(start_paused = true)]
async fn is_end_stream_ends_the_admission() {
    is_released_with_the_response(Empty::new()).await;
    is_released_with_the_response(Full::new("one frame".into())).await;
}

#[tokio::test(start_paused = true)]
async fn the_body_keeps_its_size_hint() {
    let (_node, response, _writer) = streaming().await;
    assert_eq!(response.body().size_hint().upper(), Some(42));
    assert!(!response.body().is_end_stream());
}

#[tokio::test(start_paused = true)]
async fn step_down_waits_for_the_response() {
    let node = Node::leader().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone());
    let service = service_fn(|_: Request<AnyBody>| {
        std::future::pending::<Result<Response<Empty<Bytes>>, Infallible>>()
    });
    let response = tokio::spawn(layer.layer(service).oneshot(Request::default()));
    settle().await;
    let stepped_down = node.step_down().await;
    assert!(!stepped_down.is_finished());
    response.abort();
    released(stepped_down).await;
}

#[tokio::test(start_paused = true)]
async fn fail_holds_the_lease_until_the_response() {
    let node = Node::leader().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone()).fail();
    let (answer, answered) = tokio::sync::oneshot::channel();
    let answered = Arc::new(Mutex::new(Some(answered)));
    let service = service_fn(move |_: u32| {
        let answered = answered.lock().unwrap().take().unwrap();
        async move { Ok::<u32, BoxError>(answered.await?) }
    });
    let mut response = tokio_test::task::spawn(layer.layer(service).call(1));
    assert!(response.poll().is_pending());
    let stepped_down = node.step_down().await;
    assert!(!stepped_down.is_finished());
    answer.send(2).unwrap();
    assert_eq!((&mut response).await.unwrap(), 2);
    released(stepped_down).await;
    // Dropped only here, so the drop did not end the drain.
    drop(response);
}

#[tokio::test(start_paused = true)]
async fn step_down_does_not_wait_for_ungated_requests() {
    let node = Node::leader().await;
    let layer = LeaderOnlyLayer::new(node.handle.clone()).writes_only();
    let service = service_fn(|_: Request<AnyBody>| {
        let body = Full::new(Bytes::from_static(b"a list"));
        ready(Ok::<_, Infallible>(Response::new(body)))
    });
    let response = layer
        .layer(service)
        .oneshot(Request::default())
        .await
        .unwrap();
    released(node.step_down().await).await;
    assert_eq!(response.collect().await.unwrap().to_bytes(), "a list");
}
