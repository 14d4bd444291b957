//! The vocabulary of the tables on the wire. Written from the documentation and not from the code under test.

mod over_grpc;
mod over_http;

use crate::{
    answer::{Answer, Fields},
    cell::Protocol,
};

pub(crate) use self::{
    over_grpc::{aborted, aborted_midway, failed_precondition, grpc_failed, internal, unavailable},
    over_http::{http_307, http_421, http_500, http_503, http_503_lost, http_failed, torn},
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

impl Answer {
    pub(crate) fn naming(mut self, leader: &str, address: &str) -> Self {
        let named = [
            ("noleader-leader", leader),
            ("noleader-leader-address", address),
        ];
        self.headers.extend(owned(&named));
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
