use ::http::Version;

use super::{LOST, failure, owned, rejection, sentence, wait_s};
use crate::{
    answer::{Answer, End, Fields},
    cell::Protocol,
};

const TEXT: (&str, &str) = ("content-type", "text/plain; charset=utf-8");
const NO_STORE: (&str, &str) = ("cache-control", "no-store");

pub(super) fn served(protocol: Protocol, by: &str) -> Answer {
    let headers = [("trailer", "x-end"), ("transfer-encoding", "chunked")];
    let headers = match protocol {
        Protocol::Http1 => &headers[..],
        _ => &headers[..1],
    };
    Answer {
        pieces: vec![format!("{by} took an order, n=1, 2 parts")],
        end: End::Whole(owned(&[("x-end", "all of it")])),
        ..head(protocol, 200, headers)
    }
}

pub(super) fn http_503(protocol: Protocol, reason: &str) -> Answer {
    let wait = wait_s(reason).to_string();
    let headers = [
        NO_STORE,
        TEXT,
        ("noleader-reason", reason),
        ("retry-after", &wait),
    ];
    http(protocol, 503, &headers, &format!("{}\n", rejection(reason)))
}

pub(super) fn failed(protocol: Protocol, status: u16, reason: &str) -> Answer {
    let headers = [
        NO_STORE,
        TEXT,
        ("noleader-reason", reason),
        ("retry-after", "5"),
    ];
    // Only a request that was not executed may be repeated unchanged.
    let count = if reason == "unreachable" { 4 } else { 3 };
    http(
        protocol,
        status,
        &headers[..count],
        &format!("{}\n", failure(reason)),
    )
}

pub(super) fn http_307(protocol: Protocol, leader: &str) -> Answer {
    let location = format!("{leader}/orders?n=1");
    let headers = [
        NO_STORE,
        ("location", &location),
        ("noleader-reason", "not_leader"),
    ];
    http(protocol, 307, &headers, "")
}

pub(super) fn http_421(protocol: Protocol, reason: &str) -> Answer {
    http(
        protocol,
        421,
        &[("x-reason", reason)],
        "POST /orders was not executed",
    )
}

pub(super) fn http_500(protocol: Protocol, reason: &str) -> Answer {
    let text = format!("failed: {}", sentence(reason));
    http(protocol, 500, &[TEXT], &text)
}

pub(super) fn http_503_lost(protocol: Protocol) -> Answer {
    let headers = [NO_STORE, TEXT, ("noleader-reason", "lost")];
    http(protocol, 503, &headers, &format!("{LOST}\n"))
}

pub(super) fn torn(protocol: Protocol, by: &str) -> Answer {
    Answer {
        pieces: vec![format!("{by} took ")],
        end: End::Torn,
        ..served(protocol, by)
    }
}

fn http(protocol: Protocol, status: u16, headers: &[(&str, &str)], text: &str) -> Answer {
    let mut answer = head(protocol, status, headers);
    let length = text.len().to_string();
    answer.headers.extend(owned(&[("content-length", &length)]));
    answer.pieces = vec![text.to_owned()];
    answer
}

fn head(protocol: Protocol, status: u16, headers: &[(&str, &str)]) -> Answer {
    Answer {
        version: match protocol {
            Protocol::Http1 => Version::HTTP_11,
            _ => Version::HTTP_2,
        },
        status,
        headers: owned(headers),
        pieces: Vec::new(),
        end: End::Whole(Fields::new()),
        grpc_status: None,
    }
}
