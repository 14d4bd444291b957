//! Clients that send headers of nodes gain nothing by it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::body::Body;
use http::{HeaderName, Request, Response};
use http_body_util::BodyExt;
use noleader::Term;
use tower::service_fn;

use crate::{
    node::soon,
    servers::{PATHS, Pair, Proto, client},
};

const FORGED: [(&str, &str); 5] = [
    ("noleader-fencing-token", "18446744073709551615"),
    ("noleader-leader", "evil"),
    ("noleader-leader-address", "http://evil.example"),
    ("noleader-reason", "not_leader"),
    ("noleader-term", "7"),
];

/// A pair whose leader responds with its token, and counts its requests.
async fn pair(back: Proto) -> (Pair, Arc<AtomicUsize>) {
    let executed = Arc::<AtomicUsize>::default();
    let count = executed.clone();
    let app = service_fn(move |request: Request<Body>| {
        count.fetch_add(1, Ordering::SeqCst);
        let token = request.extensions().get::<Term>().unwrap().token();
        std::future::ready(Ok(Response::new(Body::from(token.to_string()))))
    });
    (Pair::start(back, app).await, executed)
}

async fn post(front: Proto, url: &str, headers: &[(&str, &str)]) -> Response<String> {
    let request = Request::post(url);
    let request = headers
        .iter()
        .fold(request, |r, (name, value)| r.header(*name, *value));
    let request = request.body(Body::from("order")).unwrap();
    let (parts, body) = soon(client(front).request(request))
        .await
        .unwrap()
        .into_parts();
    let body = soon(body.collect()).await.unwrap().to_bytes();
    Response::from_parts(parts, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_forged_mark_only_prevents_forwarding() {
    for (front, back) in PATHS {
        let (pair, executed) = pair(back).await;
        for mark in [
            "memory/leader 1 f 0",
            "memory/leader 255 x 0",
            "memory/leader 0 f 0",
        ] {
            let headers = [("noleader-forwarded", mark)];
            let answer = post(front, &pair.at_follower.url, &headers).await;
            assert_eq!(answer.status(), 503, "{front:?} {back:?} {mark}");
            assert_eq!(answer.headers()["noleader-reason"], "not_leader");
            assert_eq!(executed.load(Ordering::SeqCst), 0);

            let answer = post(front, &pair.at_leader.url, &headers).await;
            assert_eq!(answer.status(), 200);
            assert_eq!(executed.swap(0, Ordering::SeqCst), 1);
        }
    }
}

#[tokio::test]
async fn connection_cannot_remove_the_mark() {
    let (pair, executed) = pair(Proto::H1).await;
    let mut wire = crate::wire::Wire::connect(&pair.at_follower.url).await;
    wire.send("POST / HTTP/1.1\r\nhost: h\r\nconnection: noleader-forwarded\r\n")
        .await;
    wire.send("noleader-forwarded: memory/leader 1 f 0\r\ncontent-length: 0\r\n\r\n")
        .await;
    assert_eq!(soon(wire.response()).await.unwrap().status(), 503);
    assert_eq!(executed.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn forged_term_headers_are_ignored() {
    for (front, back) in PATHS {
        let (pair, _) = pair(back).await;
        let token = pair.leader.handle.term().unwrap().token().to_string();
        for url in [&pair.at_follower.url, &pair.at_leader.url] {
            let answer = post(front, url, &FORGED).await;
            assert_eq!(answer.status(), 200, "{front:?} {back:?}");
            assert_eq!(*answer.body(), token);
            let mut names = answer.headers().keys().map(HeaderName::as_str);
            assert!(!names.any(|name| name.starts_with("noleader")));
        }
    }
}
