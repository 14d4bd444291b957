//! The HTTP handler and its client.

use std::{convert::Infallible, future::ready};

use ::http::{HeaderName, HeaderValue, Request, Response};
use axum::{Router, body::Body, extract::State, routing::post};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use crate::{
    answer::{Answer, End, Fields, fields},
    cell::Protocol,
    desk::{Desk, Pause, Step},
    order::{MARK, Order},
};

pub(crate) fn orders(desk: Desk) -> Router {
    Router::new().route("/orders", post(take)).with_state(desk)
}

async fn take(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    let work = desk.begin(request.extensions().get());
    let query = request.uri().query().unwrap_or("no query").to_owned();
    let order = request.into_body().collect().await.unwrap();
    let sum = order.trailers().and_then(|trailers| trailers.get("x-sum"));
    let sum = sum.map_or("no sum", |sum| sum.to_str().unwrap()).to_owned();
    let order = String::from_utf8(order.to_bytes().to_vec()).unwrap();
    work.pause(Pause::BeforeHead).await;

    let first = Frame::data(Bytes::from(format!("{} took ", work.by)));
    let rest = async move {
        work.pause(Pause::AfterHead).await;
        work.done();
        stream::iter([
            Frame::data(Bytes::from(format!("{order}, {query}, {sum}"))),
            trailers("x-end", "all of it"),
        ])
    };
    let frames = stream::once(ready(first)).chain(stream::once(rest).flatten());
    Response::builder()
        .header("trailer", "x-end")
        .body(Body::new(StreamBody::new(frames.map(Ok::<_, Infallible>))))
        .unwrap()
}

fn trailers(name: &'static str, value: &'static str) -> Frame<Bytes> {
    let name = HeaderName::from_static(name);
    Frame::trailers(
        [(name, HeaderValue::from_static(value))]
            .into_iter()
            .collect(),
    )
}

pub(crate) async fn send(order: &Order) -> Answer {
    let parts = [
        Frame::data(Bytes::from("an ")),
        Frame::data(Bytes::from("order")),
        trailers("x-sum", "2 parts"),
    ];
    let parts = stream::iter(parts.map(Ok::<_, Infallible>));
    let mut request = Request::post(format!("{}/orders?n=1", order.origin))
        .header("te", "trailers")
        .header("trailer", "x-sum")
        .body(Body::new(StreamBody::new(parts)))
        .unwrap();
    if order.is_marked {
        request
            .headers_mut()
            .insert("noleader-forwarded", HeaderValue::from_static(MARK));
    }
    let response = client(order.protocol).request(request).await.unwrap();
    let (head, mut body) = response.into_parts();
    let (mut text, mut end) = (String::new(), End::Whole(Fields::new()));
    while let Some(frame) = body.frame().await {
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => {
                text.push_str(std::str::from_utf8(&data).unwrap());
                order.course.made(Step::Received);
            }
            Ok(Err(trailers)) => end = End::Whole(fields(trailers.trailers_ref().unwrap())),
            Err(_) => {
                end = End::Torn;
                break;
            }
        }
    }
    Answer {
        version: head.version,
        status: head.status.as_u16(),
        headers: fields(&head.headers),
        pieces: vec![text],
        end,
        grpc_status: None,
    }
}

/// Calls a route that is not gated.
pub(crate) async fn ask_ungated(protocol: Protocol, origin: &str) {
    let uri = format!("{origin}/open").parse().unwrap();
    let response = client::<Body>(protocol).get(uri).await.unwrap();
    assert_eq!(response.status(), 200);
}

/// Over HTTP/1.1, or over HTTP/2 with prior knowledge.
pub(crate) fn client<B>(protocol: Protocol) -> Client<HttpConnector, B>
where
    B: http_body::Body<Data: Send> + Send,
{
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new())
        .http2_only(protocol != Protocol::Http1)
        .build(connector)
}
