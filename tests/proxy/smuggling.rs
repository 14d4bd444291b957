//! Requests whose end is ambiguous. Follower and leader have to agree on it. hyper rejects many of them.

use crate::exchange::{Case, Exchange};

/// A request with a chunked body.
macro_rules! chunked {
    ($headers:literal) => {
        concat!(
            "POST /a HTTP/1.1\r\nhost: h\r\n",
            $headers,
            "\r\n5\r\nhello\r\n0\r\n\r\n"
        )
    };
}

/// A request with a body of five bytes that is not chunked.
macro_rules! sized {
    ($headers:literal) => {
        concat!("POST /a HTTP/1.1\r\nhost: h\r\n", $headers, "\r\nhello")
    };
}

const CHUNKED: Option<&str> = Some("POST /base/a HTTP/1.1 [transfer-encoding: chunked] hello");
const SIZED: Option<&str> = Some("POST /base/a HTTP/1.1 [content-length: 5] hello");

#[tokio::test]
async fn conflicting_lengths_are_resolved_or_rejected() {
    let refused: &[u16] = &[400];
    #[rustfmt::skip]
    let cases: [Case<'_>; 12] = [
        (chunked!("transfer-encoding: chunked\r\ncontent-length: 3\r\n"), &[200], CHUNKED),
        (chunked!("content-length: 3\r\ntransfer-encoding: chunked\r\n"), &[200], CHUNKED),
        (chunked!("content-length: 3\r\ntransfer-encoding: chunked\r\nconnection: keep-alive\r\n"), &[200], CHUNKED),
        (chunked!("connection: transfer-encoding\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n"), &[200], CHUNKED),
        (sized!("content-length: 5\r\ncontent-length: 5\r\n"), &[200, 200], SIZED),
        (sized!("content-length: 5\r\ncontent-length: 6\r\n"), refused, None),
        (sized!("content-length: 6\r\ncontent-length: 5\r\n"), refused, None),
        (sized!("content-length: 5, 5\r\n"), refused, None),
        (sized!("content-length: +5\r\n"), refused, None),
        (sized!("content-length: 0x5\r\n"), refused, None),
        (sized!("content-length: 5 5\r\n"), refused, None),
        (sized!("content-length:\r\n"), refused, None),
    ];
    Exchange::all(&cases).await;
}

#[tokio::test]
async fn a_request_within_a_body_stays_there() {
    let hidden = "GET /hidden HTTP/1.1\r\nhost: h\r\n\r\n";
    let length = hidden.len();
    let post = "POST /a HTTP/1.1\r\nhost: h\r\n";
    // By its length, the hidden request is a part of the body. By its chunks, it is a second request.
    let both = format!(
        "{post}content-length: {}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{hidden}",
        length + 5
    );
    let sized = format!("{post}content-length: {length}\r\n\r\n{hidden}");
    let chunk =
        format!("{post}transfer-encoding: chunked\r\n\r\n{length:x}\r\n{hidden}\r\n0\r\n\r\n");
    let in_body = |framing: &str| format!("POST /base/a HTTP/1.1 [{framing}] {hidden}");
    #[rustfmt::skip]
    let cases: [Case<'_>; 3] = [
        (&both, &[200], Some("POST /base/a HTTP/1.1 [transfer-encoding: chunked]")),
        (&sized, &[200, 200], Some(&in_body(&format!("content-length: {length}")))),
        (&chunk, &[200, 200], Some(&in_body("transfer-encoding: chunked"))),
    ];
    Exchange::all(&cases).await;
}

/// The follower cannot decode other codings, so it rejects them.
#[tokio::test]
async fn other_transfer_codings_are_rejected() {
    #[rustfmt::skip]
    let cases: [Case<'_>; 10] = [
        (chunked!("Transfer-Encoding:\tCHUNKED\r\n"), &[200, 200], CHUNKED),
        (chunked!("transfer-encoding: xchunked\r\n"), &[400], None),
        (chunked!("transfer-encoding: chunked, identity\r\n"), &[400], None),
        (chunked!("transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n"), &[400], None),
        (chunked!("transfer-encoding : chunked\r\n"), &[400], None),
        (chunked!("transfer-encoding: \x0bchunked\r\n"), &[400], None),
        (chunked!("transfer-encoding: identity, chunked\r\n"), &[503, 200], None),
        (chunked!("transfer-encoding: identity\r\ntransfer-encoding: chunked\r\n"), &[503, 200], None),
        (chunked!("transfer-encoding: gzip, chunked\r\n"), &[503, 200], None),
        ("POST /a HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", &[400], None),
    ];
    Exchange::all(&cases).await;
}

/// The follower may have forwarded the head already, but never an end.
#[tokio::test]
async fn malformed_chunks_are_rejected() {
    for chunks in [
        "0x5\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "5\nhello\r\n0\r\n\r\n",
        "fffffffffffffffff5\r\nhello\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\r\nhello\r\n0\r\nnot a trailer\r\n\r\n",
    ] {
        let head = "POST /a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n";
        let request = format!("{head}{chunks}");
        Exchange::all(&[(&request, &[502], None)]).await;
    }
    let extension = "POST /a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n\
                     5;a=\"b\"\r\nhello\r\n0\r\n\r\n";
    Exchange::all(&[(extension, &[200, 200], CHUNKED)]).await;
}

/// A server may accept a lone LF as the end of a line. The leader always receives CR LF.
#[tokio::test]
async fn line_ends_are_normalized_or_rejected() {
    #[rustfmt::skip]
    let cases: [Case<'_>; 6] = [
        (sized!("x: a\r\n b\r\ncontent-length: 5\r\n"), &[400], None),
        (sized!("x: a\rb: c\r\ncontent-length: 5\r\n"), &[400], None),
        (sized!("x: a\0b\r\ncontent-length: 5\r\n"), &[400], None),
        (sized!("x: a\ny: b\r\ncontent-length: 5\r\n"), &[200, 200],
         Some("POST /base/a HTTP/1.1 [x: a] [y: b] [content-length: 5] hello")),
        ("POST /a HTTP/1.1\nhost: h\ncontent-length: 5\n\nhello", &[200, 200], SIZED),
        (sized!("x: a%0d%0ay: b\r\ncontent-length: 5\r\n"), &[200, 200],
         Some("POST /base/a HTTP/1.1 [x: a%0d%0ay: b] [content-length: 5] hello")),
    ];
    Exchange::all(&cases).await;
}
