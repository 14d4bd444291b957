//! The vocabulary of the tables, and the responses that it stands for.

use crate::{answer::Answer, cell::Protocol, desk::by, wire};

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// The handler's response; the request carried the term.
    Served,
    /// The handler's response; the request carried no term.
    ServedTermless,
    /// The leader's response; no handler of this node runs.
    Forwarded(&'static Expect),
    /// Held until the node leaves the election, and then rejected.
    Parked,
    /// This response, with the leader's id and address.
    Naming(&'static Expect),
    /// HTTP: rejected for this reason.
    Http503(&'static str),
    /// HTTP: the leader is unreachable, or the connection to it broke.
    Http502(&'static str),
    /// HTTP: the leader exceeded the time limit.
    Http504,
    /// HTTP: redirected to the leader.
    Http307,
    /// HTTP: the closure's response.
    Http421(&'static str),
    /// HTTP: the error of the service, as the application reports it.
    Http500(&'static str),
    /// HTTP: admitted, and ended before the response started.
    Http503Lost,
    /// HTTP: ended within the response body.
    Torn,
    /// gRPC: rejected for this reason.
    Unavailable(&'static str),
    /// gRPC: the leader is unreachable.
    Unreachable,
    /// gRPC: the connection to the leader broke.
    Broken,
    /// gRPC: the leader exceeded the time limit.
    DeadlineExceeded,
    /// gRPC: the closure's response.
    FailedPrecondition(&'static str),
    /// gRPC: the error of the service, as the application reports it.
    Internal(&'static str),
    /// gRPC: admitted, and ended before the response started.
    Aborted,
    /// gRPC: ended within the response stream.
    AbortedMidway,
}

/// The values that a table does not contain.
pub(crate) struct Facts {
    /// The token of the last term of node `a`.
    pub(crate) token: Option<u64>,
    /// The token of the leader, if another node leads.
    pub(crate) leader_token: Option<u64>,
    /// The origin of that leader.
    pub(crate) leader: String,
}

impl Expect {
    /// Runs of the handler on `a`, on `b`, and how many of them are dropped before they finish.
    pub(crate) fn runs(self) -> (usize, usize, usize) {
        match self {
            Self::Served | Self::ServedTermless => (1, 0, 0),
            Self::Http503Lost | Self::Torn | Self::Aborted | Self::AbortedMidway => (1, 0, 1),
            Self::Forwarded(expect) => {
                let (of_leader, none, cut_off) = expect.runs();
                (none, of_leader, cut_off)
            }
            _ => (0, 0, 0),
        }
    }

    pub(crate) fn answer(self, protocol: Protocol, facts: &Facts) -> Answer {
        self.answer_of(protocol, "a", facts.token, facts)
    }

    fn answer_of(
        self,
        protocol: Protocol,
        node: &str,
        token: Option<u64>,
        facts: &Facts,
    ) -> Answer {
        let by_node = by(node, token);
        match self {
            Self::Served => wire::served(protocol, &by_node),
            Self::ServedTermless => wire::served(protocol, &by(node, None)),
            Self::Forwarded(expect) => expect.answer_of(protocol, "b", facts.leader_token, facts),
            Self::Parked if protocol.is_grpc() => wire::unavailable("stopped"),
            Self::Parked => wire::http_503(protocol, "stopped"),
            Self::Naming(expect) => expect
                .answer_of(protocol, node, token, facts)
                .naming("b", &facts.leader),
            Self::Http503(reason) => wire::http_503(protocol, reason),
            Self::Http503Lost => wire::http_503_lost(protocol),
            Self::Http502(reason) => wire::http_failed(protocol, 502, reason),
            Self::Http504 => wire::http_failed(protocol, 504, "timeout"),
            Self::Http307 => wire::http_307(protocol, &facts.leader),
            Self::Http421(reason) => wire::http_421(protocol, reason),
            Self::Http500(reason) => wire::http_500(protocol, reason),
            Self::Torn => wire::torn(protocol, &by_node),
            Self::Unavailable(reason) => wire::unavailable(reason),
            Self::Unreachable => wire::grpc_failed(14, "unreachable"),
            Self::Broken => wire::grpc_failed(10, "lost"),
            Self::DeadlineExceeded => wire::grpc_failed(4, "timeout"),
            Self::FailedPrecondition(reason) => wire::failed_precondition(reason),
            Self::Internal(reason) => wire::internal(reason),
            Self::Aborted => wire::aborted(),
            Self::AbortedMidway => wire::aborted_midway(protocol, &by_node),
        }
    }
}
