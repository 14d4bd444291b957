//! The words of the tables, and which answers they stand for.

use crate::{answer::Answer, cell::Protocol, desk::by, wire};

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// The handler's answer, and the term was in the request.
    Served,
    /// The handler's answer, without a term.
    ServedTermless,
    /// The answer of the leader's handler, with the leader's term.
    Forwarded,
    /// No answer, until the node leaves the election and rejects what it has.
    Parked,
    /// HTTP: not executed, for this reason.
    Http503(&'static str),
    /// HTTP: the same, with the leader's name and address.
    Http503Naming(&'static str),
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
    /// gRPC: the same, with the leader's name and address.
    UnavailableNaming(&'static str),
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
    /// The token of the node's last term.
    pub(crate) token: Option<u64>,
    /// Where the leader serves, if it is another node.
    pub(crate) leader: String,
    /// The token of the leader's term, if it is another node.
    pub(crate) leader_token: Option<u64>,
}

impl Expect {
    /// How often the handler of `a` runs, that of `b`, and how many of them are dropped before their end.
    pub(crate) fn runs(self) -> (usize, usize, usize) {
        match self {
            Self::Served | Self::ServedTermless => (1, 0, 0),
            Self::Forwarded => (0, 1, 0),
            Self::Http503Lost | Self::Torn | Self::Aborted | Self::AbortedMidway => (1, 0, 1),
            _ => (0, 0, 0),
        }
    }

    pub(crate) fn answer(self, protocol: Protocol, facts: &Facts) -> Answer {
        let own = by("a", facts.token);
        let leader = &facts.leader;
        match self {
            Self::Served => wire::served(protocol, &own),
            Self::ServedTermless => wire::served(protocol, &by("a", None)),
            Self::Forwarded => wire::served(protocol, &by("b", facts.leader_token)),
            Self::Parked if protocol.is_grpc() => wire::unavailable("stopped"),
            Self::Parked => wire::http_503(protocol, "stopped"),
            Self::Http503(reason) => wire::http_503(protocol, reason),
            Self::Http503Naming(reason) => wire::http_503(protocol, reason).naming("b", leader),
            Self::Http307 => wire::http_307(protocol, leader),
            Self::Http421(reason) => wire::http_421(protocol, reason),
            Self::Http500(reason) => wire::http_500(protocol, reason),
            Self::Http503Lost => wire::http_503_lost(protocol),
            Self::Torn => wire::torn(protocol, &own),
            Self::Unavailable(reason) => wire::unavailable(reason),
            Self::UnavailableNaming(reason) => wire::unavailable(reason).naming("b", leader),
            Self::FailedPrecondition(reason) => wire::failed_precondition(reason),
            Self::Internal(reason) => wire::internal(reason),
            Self::Aborted => wire::aborted(),
            Self::AbortedMidway => wire::aborted_midway(protocol, &own),
        }
    }
}
