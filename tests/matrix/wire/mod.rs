//! The vocabulary of the tables on the wire. Written from the documentation and not from the code under test.

mod over_grpc;
mod over_http;

use crate::{
    answer::{Answer, Fields},
    cell::Protocol,
};

const LOST: &str =
    "leadership was lost while the request was in progress; it may have been executed";

/// The message of a rejection.
fn sentence(reason: &str) -> String {
    let why = match reason {
        "not_leader" => "another node leads",
        "no_leader" => "no node leads at the moment",
        "warming" => "it won the election and is warming up",
        "draining" => "it is handing over to another node",
        "stopped" => "it has left the election",
        other => panic!("unknown reason {other}"),
    };
    format!("this node does not lead: {why}")
}

/// The message if the gate rejects a request.
fn rejection(reason: &str) -> String {
    format!("{}; the request was not executed", sentence(reason))
}

/// The message if forwarding failed.
fn failure(reason: &str) -> &'static str {
    match reason {
        "unreachable" => "could not reach the leader; the request was not executed",
        "lost" => "the connection to the leader broke; the request may have been executed",
        "timeout" => "the leader did not respond in time; the request may have been executed",
        other => panic!("unknown reason {other}"),
    }
}

/// A third of the lease if another node leads, otherwise one second.
fn wait_s(reason: &str) -> u32 {
    if reason == "not_leader" { 5 } else { 1 }
}

/// The response of the handler on `by`.
pub(crate) fn served(protocol: Protocol, by: &str) -> Answer {
    if protocol.is_grpc() {
        over_grpc::served(protocol, by)
    } else {
        over_http::served(protocol, by)
    }
}

/// The response of a gate that is closed for this reason.
pub(crate) fn rejected(protocol: Protocol, reason: &str) -> Answer {
    if protocol.is_grpc() {
        over_grpc::unavailable(reason)
    } else {
        over_http::http_503(protocol, reason)
    }
}

/// The response that leads the client to the leader.
pub(crate) fn redirected(protocol: Protocol, leader: &str) -> Answer {
    if protocol.is_grpc() {
        over_grpc::unavailable("not_leader")
    } else {
        over_http::http_307(protocol, leader)
    }
}

/// The response if the leader did not respond, with the status over HTTP and the code over gRPC.
pub(crate) fn not_forwarded(
    protocol: Protocol,
    (status, code): (u16, i32),
    reason: &str,
) -> Answer {
    if protocol.is_grpc() {
        over_grpc::failed(code, reason)
    } else {
        over_http::failed(protocol, status, reason)
    }
}

/// As in `reject_with.rs`.
pub(crate) fn by_closure(protocol: Protocol, reason: &str) -> Answer {
    if protocol.is_grpc() {
        over_grpc::failed_precondition(reason)
    } else {
        over_http::http_421(protocol, reason)
    }
}

/// As in `fail.rs`.
pub(crate) fn failed(protocol: Protocol, reason: &str) -> Answer {
    if protocol.is_grpc() {
        over_grpc::internal(reason)
    } else {
        over_http::http_500(protocol, reason)
    }
}

/// The response if the term ended before the response started.
pub(crate) fn lost(protocol: Protocol) -> Answer {
    if protocol.is_grpc() {
        over_grpc::aborted()
    } else {
        over_http::http_503_lost(protocol)
    }
}

/// The response if the term ended within it.
pub(crate) fn lost_midway(protocol: Protocol, by: &str) -> Answer {
    if protocol.is_grpc() {
        over_grpc::aborted_midway(protocol, by)
    } else {
        over_http::torn(protocol, by)
    }
}

impl Answer {
    pub(crate) fn naming(mut self, leader: &str, address: &str) -> Self {
        if self.headers.contains_key("location") {
            return self;
        }
        let named = [
            ("noleader-leader", leader),
            ("noleader-leader-address", address),
        ];
        self.headers.extend(owned(&named));
        self
    }

    /// With the headers that the layers of tower-http around a gate add, and no others.
    pub(crate) fn layered(mut self, protocol: Protocol) -> Self {
        // CORS varies with these. Compression varies with `accept-encoding`, but leaves gRPC and short bodies alone.
        let cors = "access-control-request-headers, access-control-request-method, origin";
        let length = self.headers.get("content-length");
        let is_short = length.is_some_and(|length| length.parse::<u32>().unwrap() < 32);
        let vary = match protocol.is_grpc() || is_short {
            true => cors.to_owned(),
            false => format!("accept-encoding, {cors}"),
        };
        let added = [
            ("access-control-allow-origin", "*"),
            ("access-control-expose-headers", "*"),
            ("server", "orders"),
            ("vary", &vary),
        ];
        self.headers.extend(owned(&added));
        self
    }

    /// With the id of an attempt to forward the request that was refused.
    pub(crate) fn refusing(mut self, attempt: &str) -> Self {
        self.headers.extend(owned(&[("noleader-refused", attempt)]));
        self
    }
}

fn owned(fields: &[(&str, &str)]) -> Fields {
    let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
    fields.iter().map(owned).collect()
}
