//! Unusual messages: without a body, of HTTP/1.0, with interim responses, with large headers.

use std::{convert::Infallible, future::ready};

use axum::body::Body;
use http::{HeaderName, Method, Request, Response};
use http_body_util::BodyExt;
use tower::service_fn;

use crate::{
    node::{Node, soon},
    servers::{HttpClient, PATHS, Pair, Proto, client, forwarding, listen},
    wire::{Message, Wire},
};

/// A leader whose response depends on the path.
async fn pair(back: Proto) -> Pair {
    let app = service_fn(|request: Request<Body>| {
        let response = Response::builder();
        let response = match request.uri().path() {
            "/text" => response.body(Body::from("hello")),
            // The length that a `GET` would have.
            "/head" => response.header("content-length", 5).body(Body::empty()),
            "/204" => response.status(204).body(Body::empty()),
            "/304" => response
                .status(304)
                .header("etag", "\"x\"")
                .body(Body::empty()),
            "/stream" => response.body(Body::from_stream(futures_util::stream::iter(
                ["a", "b"].map(Ok::<_, Infallible>),
            ))),
            path => unreachable!("{path}"),
        };
        ready(Ok::<_, Infallible>(response.unwrap()))
    });
    Pair::start(back, app).await
}

async fn get(client: &HttpClient, method: Method, url: String) -> Response<String> {
    let request = Request::builder().method(method).uri(url);
    let request = request.body(Body::empty()).unwrap();
    let (parts, body) = soon(client.request(request)).await.unwrap().into_parts();
    let body = soon(body.collect()).await.unwrap().to_bytes();
    Response::from_parts(parts, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn responses_without_a_body_stay_without() {
    for (front, back) in PATHS {
        let pair = pair(back).await;
        // All on one connection, where an excess body would be read as the next response.
        let client = client(front);
        for (method, path, status, length, body) in [
            (Method::HEAD, "/head", 200, Some("5"), ""),
            (Method::GET, "/text", 200, Some("5"), "hello"),
            (Method::GET, "/204", 204, None, ""),
            (Method::GET, "/304", 304, None, ""),
            (Method::GET, "/stream", 200, None, "ab"),
            (Method::OPTIONS, "/text", 200, Some("5"), "hello"),
        ] {
            let answer = get(&client, method, pair.url(path)).await;
            let context = format!("{path} {front:?} {back:?}");
            assert_eq!(answer.status(), status, "{context}");
            let found = answer.headers().get("content-length");
            assert_eq!(found.map(|l| l.to_str().unwrap()), length, "{context}");
            assert_eq!(answer.body(), body, "{context}");
            assert_eq!(answer.headers().contains_key("etag"), status == 304);
        }
    }
}

#[tokio::test]
async fn an_http_1_0_client_is_served() {
    for back in [Proto::H1, Proto::H2] {
        let pair = pair(back).await;
        for (path, body) in [("/text", "hello"), ("/stream", "ab")] {
            let mut wire = Wire::connect(&pair.at_follower.url).await;
            wire.send(format!("GET {path} HTTP/1.0\r\n\r\n")).await;
            let answer = soon(wire.response()).await.unwrap();
            assert_eq!(answer.first_line, "HTTP/1.0 200 OK");
            assert_eq!(answer.body, body);
            assert_eq!(answer.header("transfer-encoding"), None);
            assert_eq!(soon(wire.rest()).await, "");
        }
    }
}

/// The request that a leader receives before it responds with `answer`, and the response that the client receives.
async fn answered(front: Proto, answer: &'static str) -> (Message, Response<String>) {
    let (listener, url) = listen();
    let leader = tokio::spawn(async move {
        let mut wire = Wire::new(listener.accept().await.unwrap().0);
        let request = wire.request().await.unwrap();
        wire.send(answer).await;
        wire.finish().await;
        wire.rest().await;
        request
    });
    let follower = Node::follower_of(Some(&url)).await;
    let server = forwarding(&follower, Proto::H1, &Default::default());
    let answer = get(&client(front), Method::POST, server.url.clone()).await;
    drop(server);
    (soon(leader).await.unwrap(), answer)
}

#[tokio::test]
async fn hop_by_hop_headers_are_not_returned() {
    for front in [Proto::H1, Proto::H2] {
        let (_, answer) = answered(
            front,
            "HTTP/1.1 200 OK\r\nconnection: x-own, close\r\nconnection: x-other\r\n\
             keep-alive: timeout=5\r\nx-own: 1\r\nx-other: 1\r\nx-kept: 1\r\n\
             set-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 4\r\n\r\ndone",
        )
        .await;
        let headers = answer.headers();
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        let expected = ["content-length", "date", "set-cookie", "x-kept"];
        assert_eq!(names, expected, "{front:?}");
        assert_eq!(headers.get_all("set-cookie").iter().count(), 2);
        assert_eq!(answer.body(), "done");
    }
}

#[tokio::test]
async fn interim_responses_are_skipped() {
    let (_, answer) = answered(
        Proto::H1,
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n\
         HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone",
    )
    .await;
    assert_eq!(
        (answer.status().as_u16(), answer.body().as_str()),
        (200, "done")
    );
    assert!(!answer.headers().contains_key("link"));
}

#[tokio::test]
async fn a_101_of_the_leader_is_lost() {
    let (_, answer) = answered(
        Proto::H1,
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    )
    .await;
    assert_eq!(answer.status(), 502);
    assert_eq!(answer.headers()["noleader-reason"], "lost");
}

#[tokio::test]
async fn an_http_1_0_leader_is_understood() {
    let (request, answer) = answered(Proto::H1, "HTTP/1.0 200 OK\r\n\r\nuntil the end").await;
    assert_eq!(request.first_line, "POST / HTTP/1.1");
    assert_eq!(request.body, "");
    assert_eq!(answer.version(), http::Version::HTTP_11);
    assert_eq!(answer.body(), "until the end");
}

#[tokio::test]
async fn large_headers_are_forwarded() {
    let app = service_fn(|request: Request<Body>| {
        let headers = request
            .headers()
            .iter()
            .filter(|(name, _)| name.as_str().starts_with("x-"));
        let size: usize = headers.map(|(_, value)| value.len()).sum();
        let response = Response::builder().header("x-large", "y".repeat(10_000));
        ready(Ok::<_, Infallible>(
            response.body(Body::from(size.to_string())).unwrap(),
        ))
    });
    for (front, back) in PATHS {
        let pair = Pair::start(back, app).await;
        let request = (0..60).fold(Request::post(pair.url("/")), |request, n| {
            request.header(format!("x-{n}"), "y".repeat(1000))
        });
        let request = request.body(Body::empty()).unwrap();
        let answer = soon(client::<Body>(front).request(request)).await.unwrap();
        assert_eq!(
            answer.headers()["x-large"].len(),
            10_000,
            "{front:?} {back:?}"
        );
        let size = soon(answer.into_body().collect()).await.unwrap().to_bytes();
        assert_eq!(size, "60000", "{front:?} {back:?}");
    }
}

/// HTTP/2 clients may send each cookie in a separate header.
#[tokio::test]
async fn split_cookies_are_joined() {
    let app = service_fn(|request: Request<Body>| {
        let cookies = request.headers().get_all("cookie").iter();
        let cookies: Vec<_> = cookies.map(|line| line.to_str().unwrap()).collect();
        ready(Ok::<_, Infallible>(Response::new(Body::from(
            cookies.join("|"),
        ))))
    });
    for (front, back) in PATHS {
        let pair = Pair::start(back, app).await;
        let request = Request::post(pair.url("/"))
            .header("cookie", "a=1")
            .header("cookie", "b=2; c=3")
            .body(Body::empty())
            .unwrap();
        let answer = soon(client(front).request(request)).await.unwrap();
        let cookies = soon(answer.into_body().collect()).await.unwrap().to_bytes();
        assert_eq!(cookies, "a=1; b=2; c=3", "{front:?} {back:?}");
    }
}
