//! Trailers are forwarded in both directions, over both protocols.

use std::convert::Infallible;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, channel::Channel};
use tower::{BoxError, service_fn};

use crate::{
    node::{Node, soon},
    servers::{PATHS, Pair, Proto, client, forwarding, listen},
    wire::Wire,
};

fn with_trailers(data: &'static str, sum: &'static str) -> Body {
    let (mut frames, body) = Channel::<Bytes, BoxError>::new(2);
    let trailers = HeaderMap::from_iter([("x-sum".parse().unwrap(), sum.parse().unwrap())]);
    frames
        .try_send(http_body::Frame::data(data.into()))
        .unwrap();
    frames
        .try_send(http_body::Frame::trailers(trailers))
        .unwrap();
    Body::new(body)
}

/// Over HTTP/1.1, hyper sends the trailers that a `trailer` header lists, and only to a client that asks for them.
#[tokio::test]
async fn trailers_are_forwarded_in_both_directions() {
    for (front, back) in PATHS {
        let app = service_fn(|request: Request<Body>| async {
            let body = request.into_body().collect().await.unwrap();
            assert_eq!(body.trailers().unwrap()["x-sum"], "of the request");
            assert_eq!(body.to_bytes(), "order");
            let response = Response::builder().header("trailer", "x-sum");
            Ok::<_, Infallible>(
                response
                    .body(with_trailers("done", "of the response"))
                    .unwrap(),
            )
        });
        let pair = Pair::start(back, app).await;
        let request = Request::post(pair.url("/"))
            .header("te", "trailers")
            .header("trailer", "x-sum")
            .body(with_trailers("order", "of the request"))
            .unwrap();
        let answer = soon(client(front).request(request)).await.unwrap();
        let body = soon(answer.into_body().collect()).await.unwrap();
        let sum = &body.trailers().unwrap()["x-sum"];
        assert_eq!(sum, "of the response", "{front:?} {back:?}");
        assert_eq!(body.to_bytes(), "done");
    }
}

/// HTTP/2 does not allow them in trailers.
#[tokio::test]
async fn hop_by_hop_trailers_are_removed() {
    let (listener, url) = listen();
    let leader = tokio::spawn(async move {
        let mut wire = Wire::new(listener.accept().await.unwrap().0);
        wire.request().await.unwrap();
        wire.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n")
            .await;
        wire.send(
            "4\r\ndone\r\n0\r\nconnection: x-own\r\nx-own: 1\r\nkeep-alive: 5\r\nx-sum: 7\r\n\r\n",
        )
        .await;
        wire.rest().await;
    });
    let follower = Node::follower_of(Some(&url)).await;
    let server = forwarding(&follower, Proto::H1, &Default::default());
    let request = Request::get(&server.url).body(Body::empty()).unwrap();
    let answer = soon(client(Proto::H2).request(request)).await.unwrap();
    let body = soon(answer.into_body().collect()).await.unwrap();
    let expected = HeaderMap::from_iter([("x-sum".parse().unwrap(), "7".parse().unwrap())]);
    assert_eq!(body.trailers(), Some(&expected));
    leader.abort();
}
