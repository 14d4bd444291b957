//! The HTTP handler and its client.

use std::{convert::Infallible, future::ready};

use ::http::{Request, Response};
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
    desk::{Course, Desk, Pause, Step},
};

pub(crate) fn orders(desk: Desk) -> Router {
    Router::new().route("/orders", post(take)).with_state(desk)
}

async fn take(State(desk): State<Desk>, request: Request<Body>) -> Response<Body> {
    let work = desk.begin(request.extensions().get());
    let order = request.into_body().collect().await.unwrap().to_bytes();
    work.pause(Pause::BeforeHead).await;

    let first = Frame::data(Bytes::from(format!("{} took ", work.by)));
    let rest = async move {
        work.pause(Pause::AfterHead).await;
        work.done();
        let end = [("x-end".parse().unwrap(), "all of it".parse().unwrap())];
        stream::iter([
            Frame::data(order),
            Frame::trailers(end.into_iter().collect()),
        ])
    };
    let frames = stream::once(ready(first)).chain(stream::once(rest).flatten());
    Response::builder()
        .header("trailer", "x-end")
        .body(Body::new(StreamBody::new(frames.map(Ok::<_, Infallible>))))
        .unwrap()
}

/// Sends an order.
pub(crate) async fn ask(protocol: Protocol, url: &str, course: &Course) -> Answer {
    let order = ["an ", "order"].map(|part| Ok::<_, Infallible>(Frame::data(Bytes::from(part))));
    let request = Request::post(url)
        .header("te", "trailers")
        .body(Body::new(StreamBody::new(stream::iter(order))));
    let response = client(protocol).request(request.unwrap()).await.unwrap();
    let (head, mut body) = response.into_parts();
    let (mut text, mut end) = (String::new(), End::Whole(Fields::new()));
    while let Some(frame) = body.frame().await {
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => {
                text.push_str(std::str::from_utf8(&data).unwrap());
                course.made(Step::Received);
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
        told: None,
    }
}

/// Is answered by a part of the server that is not gated.
pub(crate) async fn ask_in_the_open(protocol: Protocol, origin: &str) {
    let uri = format!("{origin}/open").parse().unwrap();
    let response = client(protocol).get(uri).await.unwrap();
    assert_eq!(response.status(), 200);
}

fn client(protocol: Protocol) -> Client<HttpConnector, Body> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new())
        .http2_only(protocol == Protocol::Http2)
        .build(connector)
}
