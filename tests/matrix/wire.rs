//! What the words of the tables look like on the wire. Written down from what is documented, and not taken
//! from the code under test.

use ::http::Version;

use crate::{
    answer::{Answer, End, Fields, Told},
    cell::Protocol,
};

const TEXT: (&str, &str) = ("content-type", "text/plain; charset=utf-8");
const NO_STORE: (&str, &str) = ("cache-control", "no-store");
const GRPC: (&str, &str) = ("content-type", "application/grpc");
const LOST: &str =
    "this node lost its term while the request was under way: it may have been executed";

/// The sentence that goes with a reason.
fn sentence(reason: &str) -> String {
    let why = match reason {
        "not_leader" => "another node does",
        "no_leader" => "no node does at the moment",
        "warming" => "it has won the election and is warming up",
        "draining" => "it is handing over to another node",
        "stopped" => "it has left the election",
        other => panic!("there is no reason {other}"),
    };
    format!("this node does not lead: {why}")
}

/// The same for what became of a request on its way to the leader.
fn failure(reason: &str) -> &'static str {
    match reason {
        "unreachable" => "the leader could not be reached: the request was not executed",
        "lost" => "the connection to the leader broke: the request may have been executed",
        "timeout" => "the leader did not answer in time: the request may have been executed",
        other => panic!("there is no reason {other}"),
    }
}

/// A third of the lease where another node leads, as it may do so for long. A second elsewhere.
fn wait_s(reason: &str) -> u32 {
    if reason == "not_leader" { 5 } else { 1 }
}

/// What the handler of `by` answers.
pub(crate) fn served(protocol: Protocol, by: &str) -> Answer {
    let pieces = match protocol {
        Protocol::Http1 | Protocol::Http2 | Protocol::Unary => vec![format!("{by} took an order")],
        Protocol::ClientStreaming => vec![format!("{by} took one, two")],
        Protocol::ServerStreaming => vec![format!("{by} took"), "an order".to_owned()],
        Protocol::Bidi => vec![format!("{by} took one"), format!("{by} took two")],
    };
    if protocol.is_grpc() {
        return Answer {
            pieces,
            end: End::Whole(owned(&[("grpc-status", "0")])),
            ..grpc_head(0, "", &[GRPC])
        };
    }
    let chunked = ("transfer-encoding", "chunked");
    let headers = [("trailer", "x-end"), chunked];
    let headers = match protocol {
        Protocol::Http1 => &headers[..],
        _ => &headers[..1],
    };
    Answer {
        pieces,
        end: End::Whole(owned(&[("x-end", "all of it")])),
        ..http_head(protocol, 200, headers)
    }
}

pub(crate) fn http_503(protocol: Protocol, reason: &str) -> Answer {
    let wait = wait_s(reason).to_string();
    let headers = [
        NO_STORE,
        TEXT,
        ("noleader-reason", reason),
        ("retry-after", &wait),
    ];
    http(protocol, 503, &headers, &format!("{}\n", sentence(reason)))
}

/// To a request that was forwarded, and not answered.
pub(crate) fn http_failed(protocol: Protocol, status: u16, reason: &str) -> Answer {
    let headers = [
        NO_STORE,
        TEXT,
        ("noleader-reason", reason),
        ("retry-after", "5"),
    ];
    // Only what was not executed may be repeated as it is.
    let count = if reason == "unreachable" { 4 } else { 3 };
    http(
        protocol,
        status,
        &headers[..count],
        &format!("{}\n", failure(reason)),
    )
}

pub(crate) fn http_307(protocol: Protocol, leader: &str) -> Answer {
    let location = format!("{leader}/orders?n=1");
    let headers = [
        NO_STORE,
        ("location", &location),
        ("noleader-reason", "not_leader"),
    ];
    http(protocol, 307, &headers, "")
}

/// As `reject_with.rs` has it.
pub(crate) fn http_421(protocol: Protocol, reason: &str) -> Answer {
    http(
        protocol,
        421,
        &[("x-reason", reason)],
        "POST /orders was not executed",
    )
}

/// As `fail.rs` has it.
pub(crate) fn http_500(protocol: Protocol, reason: &str) -> Answer {
    let text = format!("failed: {}", sentence(reason));
    http(protocol, 500, &[TEXT], &text)
}

pub(crate) fn http_503_lost(protocol: Protocol) -> Answer {
    let headers = [NO_STORE, TEXT, ("noleader-reason", "lost")];
    http(protocol, 503, &headers, &format!("{LOST}\n"))
}

pub(crate) fn torn(protocol: Protocol, by: &str) -> Answer {
    Answer {
        pieces: vec![format!("{by} took ")],
        end: End::Torn,
        ..served(protocol, by)
    }
}

pub(crate) fn unavailable(reason: &str) -> Answer {
    let (message, wait) = (sentence(reason), format!("{}000", wait_s(reason)));
    let headers = [
        GRPC,
        ("grpc-status", "14"),
        ("grpc-message", &message),
        ("grpc-retry-pushback-ms", &wait),
        ("noleader-reason", reason),
    ];
    grpc_head(14, &message, &headers)
}

/// To a request that was forwarded, and not answered.
pub(crate) fn grpc_failed(code: i32, reason: &str) -> Answer {
    let (message, status) = (failure(reason), code.to_string());
    let headers = [
        GRPC,
        ("grpc-status", &status),
        ("grpc-message", message),
        ("noleader-reason", reason),
        ("grpc-retry-pushback-ms", "5000"),
    ];
    let count = if reason == "unreachable" { 5 } else { 4 };
    grpc_head(code, message, &headers[..count])
}

/// As `reject_with.rs` has it.
pub(crate) fn failed_precondition(reason: &str) -> Answer {
    let message = format!("not executed: {reason}");
    grpc_head(
        9,
        &message,
        &[
            GRPC,
            ("grpc-status", "9"),
            ("grpc-message", &by_tonic(&message)),
        ],
    )
}

/// As `fail.rs` has it.
pub(crate) fn internal(reason: &str) -> Answer {
    let message = format!("failed: {}", sentence(reason));
    grpc_head(
        13,
        &message,
        &[
            GRPC,
            ("grpc-status", "13"),
            ("grpc-message", &by_tonic(&message)),
        ],
    )
}

/// As tonic's server writes it.
fn by_tonic(message: &str) -> String {
    message.replace(' ', "%20")
}

pub(crate) fn aborted() -> Answer {
    let headers = [
        GRPC,
        ("grpc-status", "10"),
        ("grpc-message", LOST),
        ("noleader-reason", "lost"),
    ];
    grpc_head(10, LOST, &headers)
}

pub(crate) fn aborted_midway(protocol: Protocol, by: &str) -> Answer {
    let mut pieces = served(protocol, by).pieces;
    pieces.truncate(1);
    let mut trailers = aborted().headers;
    trailers.remove("content-type");
    Answer {
        headers: owned(&[GRPC]),
        pieces,
        end: End::Whole(trailers),
        ..aborted()
    }
}

impl Answer {
    pub(crate) fn naming(mut self, leader: &str, address: &str) -> Self {
        let named = [
            ("noleader-leader", leader),
            ("noleader-leader-address", address),
        ];
        self.headers.extend(owned(&named));
        self
    }
}

fn http(protocol: Protocol, status: u16, headers: &[(&str, &str)], text: &str) -> Answer {
    let mut answer = http_head(protocol, status, headers);
    let length = text.len().to_string();
    answer.headers.extend(owned(&[("content-length", &length)]));
    answer.pieces = vec![text.to_owned()];
    answer
}

fn http_head(protocol: Protocol, status: u16, headers: &[(&str, &str)]) -> Answer {
    Answer {
        version: match protocol {
            Protocol::Http1 => Version::HTTP_11,
            _ => Version::HTTP_2,
        },
        status,
        headers: owned(headers),
        pieces: Vec::new(),
        end: End::Whole(Fields::new()),
        told: None,
    }
}

/// A response that is all head, unless something is added.
fn grpc_head(code: i32, message: &str, headers: &[(&str, &str)]) -> Answer {
    let reason = headers.iter().find(|(name, _)| *name == "noleader-reason");
    Answer {
        told: Some(Told {
            code,
            message: message.to_owned(),
            reason: reason.map(|(_, reason)| (*reason).to_owned()),
        }),
        ..http_head(Protocol::Unary, 200, headers)
    }
}

fn owned(fields: &[(&str, &str)]) -> Fields {
    let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    fields.iter().map(owned).collect()
}
