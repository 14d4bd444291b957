//! The words of the tables, and which answers they stand for.

use crate::{answer::Answer, cell::Protocol, desk::by, wire};

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// The handler's answer, and the term was in the request.
    Served,
    /// The handler's answer, without a term.
    ServedTermless,
    /// The same from the leader: its answer, and nothing is done here.
    Forwarded(&'static Expect),
    /// No answer, until the node leaves the election and rejects what it has.
    Parked,
    /// The same, with the leader's name and address.
    Naming(&'static Expect),
    /// HTTP: not executed, for this reason.
    Http503(&'static str),
    /// HTTP: the leader could not be reached, or the connection to it broke.
    Http502(&'static str),
    /// HTTP: the leader took too long.
    Http504,
    /// HTTP: sent to the leader.
    Http307,
    /// HTTP: the closure's answer.
    Http421(&'static str),
    /// HTTP: the error of the service, as the application answers it.
    Http500(&'static str),
    /// HTTP: admitted, and cut off before there was an answer.
    Http503Lost,
    /// HTTP: cut off in the middle of the body.
    Torn,
    /// gRPC: not executed, for this reason.
    Unavailable(&'static str),
    /// gRPC: the leader could not be reached.
    Unreachable,
    /// gRPC: the connection to the leader broke.
    Broken,
    /// gRPC: the leader took too long.
    DeadlineExceeded,
    /// gRPC: the closure's answer.
    FailedPrecondition(&'static str),
    /// gRPC: the error of the service, as the application answers it.
    Internal(&'static str),
    /// gRPC: admitted, and cut off before there was an answer.
    Aborted,
    /// gRPC: cut off in the middle of the stream.
    AbortedMidway,
}

/// What the words leave open.
pub(crate) struct Facts {
    /// The token of the last term of the node that is asked.
    pub(crate) token: Option<u64>,
    /// The same of the leader, if it is another node.
    pub(crate) leader_token: Option<u64>,
    /// Where that serves.
    pub(crate) leader: String,
}

impl Expect {
    /// How often the handler of `a` runs, that of `b`, and how many of them are dropped before their end.
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
