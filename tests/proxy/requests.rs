//! The target and the headers of a forwarded request.

use crate::{
    exchange::{Case, Exchange},
    node::soon,
    servers::{Pair, Proto},
    wire::Wire,
};

#[tokio::test]
async fn the_path_is_kept_and_the_host_replaced() {
    macro_rules! to {
        ($target:literal) => {
            concat!("PUT ", $target, " HTTP/1.1\r\nhost: evil\r\n\r\n")
        };
    }
    #[rustfmt::skip]
    let cases: [Case<'_>; 18] = [
        (to!("/a?b=c&d"), &[200, 200], Some("PUT /base/a?b=c&d HTTP/1.1")),
        (to!("http://evil/a"), &[200, 200], Some("PUT /base/a HTTP/1.1")),
        (to!("http://evil/"), &[200, 200], Some("PUT /base/ HTTP/1.1")),
        (to!("http://evil"), &[200, 200], Some("PUT /base/ HTTP/1.1")),
        (to!("http://evil?b=c"), &[200, 200], Some("PUT /base/?b=c HTTP/1.1")),
        (to!("http://user:secret@evil:1/a?b#c"), &[200, 200], Some("PUT /base/a?b HTTP/1.1")),
        (to!("//evil.example/a"), &[200, 200], Some("PUT /base//evil.example/a HTTP/1.1")),
        (to!("/http://evil/a"), &[200, 200], Some("PUT /base/http://evil/a HTTP/1.1")),
        (to!("/../a/./b/..;/%2e%2e/%2F"), &[200, 200], Some("PUT /base/../a/./b/..;/%2e%2e/%2F HTTP/1.1")),
        (to!("/a%0d%0ax:%20y%00"), &[200, 200], Some("PUT /base/a%0d%0ax:%20y%00 HTTP/1.1")),
        (to!("/\u{fc}"), &[200, 200], Some("PUT /base/%C3%BC HTTP/1.1")),
        (to!("/a b"), &[400], None),
        (to!("/a\tb"), &[400], None),
        (to!("/a\\b"), &[200, 200], Some("PUT /base/a\\b HTTP/1.1")),
        (to!("?a"), &[400], None),
        (to!("evil/a"), &[400], None),
        (to!("evil"), &[503, 200], None),
        (to!("*"), &[503, 200], None),
    ];
    Exchange::all(&cases).await;
}

#[tokio::test]
async fn uris_that_are_too_long_are_rejected() {
    let put = |length| format!("PUT /{} HTTP/1.1\r\nhost: h\r\n\r\n", "a".repeat(length));
    let fits = format!("PUT /base/{} HTTP/1.1", "a".repeat(65_000));
    #[rustfmt::skip]
    let cases: [Case<'_>; 3] = [
        (&put(65_000), &[200, 200], Some(&fits)),
        // The leader's address makes the URI too long.
        (&put(65_530), &[503, 200], None),
        (&put(66_000), &[414], None),
    ];
    Exchange::all(&cases).await;
}

#[tokio::test]
async fn methods_are_kept() {
    #[rustfmt::skip]
    let cases: [Case<'_>; 8] = [
        ("POST /a HTTP/1.1\r\nhost: h\r\n\r\n", &[200, 200], Some("POST /base/a HTTP/1.1")),
        ("POST /a HTTP/1.1\r\nhost: h\r\ncontent-length: 0\r\n\r\n", &[200, 200],
         Some("POST /base/a HTTP/1.1 [content-length: 0]")),
        ("GET /a HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\n\r\nb", &[200, 200],
         Some("GET /base/a HTTP/1.1 [content-length: 1] b")),
        ("GET /a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n\r\n", &[200, 200],
         Some("GET /base/a HTTP/1.1 [transfer-encoding: chunked] b")),
        ("ODD /a HTTP/1.1\r\nhost: h\r\n\r\n", &[200, 200], Some("ODD /base/a HTTP/1.1")),
        ("OPTIONS * HTTP/1.1\r\nhost: h\r\n\r\n", &[503, 200], None),
        ("CONNECT evil:80 HTTP/1.1\r\nhost: h\r\n\r\n", &[503, 200], None),
        ("POST /a HTTP/1.0\r\ncontent-length: 1\r\n\r\nb", &[200],
         Some("POST /base/a HTTP/1.1 [content-length: 1] b")),
    ];
    Exchange::all(&cases).await;
}

#[tokio::test]
async fn hop_by_hop_headers_are_not_forwarded() {
    macro_rules! with {
        ($headers:literal) => {
            concat!("GET /a HTTP/1.1\r\nhost: h\r\n", $headers, "\r\n")
        };
    }
    const PLAIN: Option<&str> = Some("GET /base/a HTTP/1.1");
    #[rustfmt::skip]
    let cases: [Case<'_>; 10] = [
        (with!("connection: x-secret\r\nx-secret: 1\r\nx-secret: 2\r\nx-kept: 3\r\n"), &[200, 200],
         Some("GET /base/a HTTP/1.1 [x-kept: 3]")),
        (with!("connection: close, X-Secret\r\nconnection: x-other\r\nx-secret: 1\r\nx-other: 2\r\n"), &[200], PLAIN),
        (with!("connection: host, content-length, noleader-forwarded, transfer-encoding\r\n"), &[200, 200], PLAIN),
        (with!("host: evil\r\n"), &[200, 200], PLAIN),
        (with!("te: gzip\r\n"), &[200, 200], PLAIN),
        (with!("te: gzip, trailers\r\nconnection: te\r\n"), &[200, 200], Some("GET /base/a HTTP/1.1 [te: trailers]")),
        (with!("upgrade: websocket\r\nsec-websocket-version: 13\r\n"), &[200, 200],
         Some("GET /base/a HTTP/1.1 [sec-websocket-version: 13]")),
        (with!("connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n"), &[200, 200], PLAIN),
        (with!("keep-alive: 5\r\nproxy-connection: close\r\nproxy-authorization: Basic eDp5\r\n"), &[200, 200], PLAIN),
        (with!("x: \u{fc}\r\n"), &[200, 200], Some("GET /base/a HTTP/1.1 [x: \u{fc}]")),
    ];
    Exchange::all(&cases).await;

    let listed = "POST /a HTTP/1.1\r\nhost: h\r\nconnection: host, content-length\r\n\
                  content-length: 5\r\n\r\nhello";
    let seen = "POST /base/a HTTP/1.1 [content-length: 5] hello";
    Exchange::all(&[(listed, &[200, 200], Some(seen))]).await;
}

#[tokio::test]
async fn an_upgrade_is_forwarded_with_its_own_headers_only() {
    macro_rules! with {
        ($headers:literal) => {
            concat!("GET /a HTTP/1.1\r\nhost: h\r\n", $headers, "\r\n")
        };
    }
    const UPGRADE: Option<&str> =
        Some("GET /base/a HTTP/1.1 [connection: upgrade] [upgrade: websocket]");
    #[rustfmt::skip]
    let cases: [Case<'_>; 6] = [
        (with!("connection: upgrade\r\nupgrade: websocket\r\n"), &[200, 200], UPGRADE),
        (with!("connection: X-Secret, Upgrade, host\r\nupgrade: websocket\r\nx-secret: 1\r\nkeep-alive: 5\r\n"),
         &[200, 200], UPGRADE),
        (with!("connection: upgrade, http2-settings\r\nupgrade: h2c, websocket\r\nhttp2-settings: AAMAAABk\r\n"),
         &[200, 200], UPGRADE),
        (with!("connection: upgrade\r\nupgrade: a/1,,\r\nupgrade: b\r\n"), &[200, 200],
         Some("GET /base/a HTTP/1.1 [connection: upgrade] [upgrade: a/1, b]")),
        (with!("connection: upgrade\r\nupgrade: websocket\r\ncontent-length: 0\r\n"), &[200, 200],
         Some("GET /base/a HTTP/1.1 [content-length: 0] [connection: upgrade] [upgrade: websocket]")),
        ("GET /a HTTP/1.0\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n", &[200], Some("GET /base/a HTTP/1.1")),
    ];
    Exchange::all(&cases).await;

    let hidden = "GET /hidden HTTP/1.1\r\nhost: h\r\n\r\n";
    let head = "POST /a HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n";
    let length = hidden.len();
    let sized = format!("{head}content-length: {length}\r\n\r\n{hidden}");
    let chunked =
        format!("{head}transfer-encoding: chunked\r\n\r\n{length:x}\r\n{hidden}\r\n0\r\n\r\n");
    let seen = format!("POST /base/a HTTP/1.1 [content-length: {length}] {hidden}");
    let seen_chunked = format!("POST /base/a HTTP/1.1 [transfer-encoding: chunked] {hidden}");
    let with_bodies: [Case<'_>; 2] = [
        (&sized, &[200, 200], Some(&seen)),
        (&chunked, &[200, 200], Some(&seen_chunked)),
    ];
    Exchange::all(&with_bodies).await;
}

/// Trailers do not become headers, and trailers with names of framing headers are removed.
#[tokio::test]
async fn framing_headers_are_removed_from_trailers() {
    let request = "POST /a HTTP/1.1\r\nhost: h\r\n\
                   trailer: x-sum, content-length, host, transfer-encoding\r\n\
                   transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\
                   x-sum: 7\r\ncontent-length: 9\r\nhost: evil\r\ntransfer-encoding: gzip\r\n\
                   x-unnamed: 1\r\n\r\n";
    let seen = "POST /base/a HTTP/1.1 [trailer: x-sum, content-length, host, transfer-encoding] \
                [transfer-encoding: chunked] hello {x-sum: 7}";
    Exchange::all(&[(request, &[200, 200], Some(seen))]).await;
}

/// A leader that returns the body of each request.
async fn echoing(back: Proto) -> Pair {
    let app = tower::service_fn(|request: http::Request<axum::body::Body>| {
        let body = request.into_body();
        std::future::ready(Ok::<_, std::convert::Infallible>(http::Response::new(body)))
    });
    Pair::start(back, app).await
}

#[tokio::test]
async fn expect_continue_is_answered() {
    for back in [Proto::H1, Proto::H2] {
        let pair = echoing(back).await;
        let mut wire = Wire::connect(&pair.at_follower.url).await;
        wire.send("POST /a HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n")
            .await;
        wire.send("expect: 100-continue\r\n\r\n").await;
        assert_eq!(soon(wire.response()).await.unwrap().status(), 100);
        wire.send("hello").await;
        let answer = soon(wire.response()).await.unwrap();
        assert_eq!((answer.status(), &*answer.body), (200, "hello"));
    }
    let request =
        "POST /a HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\nhello";
    let seen = "POST /base/a HTTP/1.1 [content-length: 5] hello";
    Exchange::all(&[(request, &[100, 200, 200], Some(seen))]).await;
}

/// hyper's client leaves the body of a `GET` out if its length is not known and not announced.
#[tokio::test]
async fn a_get_keeps_a_body_of_unknown_length() {
    for back in [Proto::H1, Proto::H2] {
        let pair = echoing(back).await;
        let mut wire = Wire::connect(&pair.at_follower.url).await;
        wire.send("GET /a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n")
            .await;
        wire.send("5\r\nhello\r\n0\r\n\r\n").await;
        let answer = soon(wire.response()).await.unwrap();
        assert_eq!((answer.status(), &*answer.body), (200, "hello"), "{back:?}");
    }
}
