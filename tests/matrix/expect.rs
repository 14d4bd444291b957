//! The vocabulary of the tables, and the responses that it stands for.

use crate::{
    answer::Answer,
    cell::Protocol,
    desk::{Site, by},
    wire,
};

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    /// The handler's response; the request carried the term.
    Served,
    /// The handler's response; the request carried no term.
    ServedTermless,
    /// The response of the leader's handler; no handler of this node runs.
    Forwarded(&'static Expect),
    /// The handler's response on the node at which the request came in.
    ServedByEntry,
    /// Held until the node leaves the election, and then this.
    Parked(&'static Expect),
    /// This response, with the leader's id and address. A redirect always has the address.
    Naming(&'static Expect),
    /// Rejected for this reason: 503, `UNAVAILABLE`.
    Rejected(&'static str),
    /// HTTP: redirected to the leader with a 307. gRPC clients do not follow redirects, so these are rejected.
    Redirected,
    /// The leader is unreachable: 502, `UNAVAILABLE`.
    Unreachable,
    /// The connection to the leader broke: 502, `ABORTED`.
    Broken,
    /// The leader exceeded the time limit: 504, `DEADLINE_EXCEEDED`.
    TooSlow,
    /// The closure's response: 421, `FAILED_PRECONDITION`.
    ByClosure(&'static str),
    /// The error of the service, as the application reports it: 500, `INTERNAL`.
    Failed(&'static str),
    /// Admitted, and ended before the response started: 503, `ABORTED`.
    Lost,
    /// Ended within the response: its body is truncated, or `ABORTED`.
    LostMidway,
}

/// The values that a table does not contain.
#[derive(Default)]
pub(crate) struct Facts {
    /// The tokens of the last terms of the nodes.
    pub(crate) tokens: [Option<u64>; Site::COUNT],
    /// The origin of node `b`.
    pub(crate) leader: String,
}

/// How often the handler of each node has run, and how many of the handlers were dropped before they finished.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Runs {
    pub(crate) of: [usize; Site::COUNT],
    pub(crate) cut_off: usize,
}

impl Expect {
    pub(crate) fn runs(self) -> Runs {
        let mut runs = Runs::default();
        self.count(Site::A, &mut runs);
        runs
    }

    fn count(self, at: Site, runs: &mut Runs) {
        match self {
            Self::Served | Self::ServedTermless => runs.of[at as usize] += 1,
            Self::Lost | Self::LostMidway => {
                runs.of[at as usize] += 1;
                runs.cut_off += 1;
            }
            Self::Forwarded(expect) => expect.count(Site::B, runs),
            Self::ServedByEntry => Self::Served.count(Site::Entry, runs),
            Self::Parked(expect) | Self::Naming(expect) => expect.count(at, runs),
            _ => {}
        }
    }

    pub(crate) fn answer(self, protocol: Protocol, facts: &Facts) -> Answer {
        self.answer_at(Site::A, protocol, facts)
    }

    fn answer_at(self, at: Site, protocol: Protocol, facts: &Facts) -> Answer {
        let by_node = by(at, facts.tokens[at as usize]);
        match self {
            Self::Served => wire::served(protocol, &by_node),
            Self::ServedTermless => wire::served(protocol, &by(at, None)),
            Self::Forwarded(expect) => expect.answer_at(Site::B, protocol, facts),
            Self::ServedByEntry => Self::Served.answer_at(Site::Entry, protocol, facts),
            Self::Parked(expect) => expect.answer_at(at, protocol, facts),
            Self::Naming(expect) => expect
                .answer_at(at, protocol, facts)
                .naming("b", &facts.leader),
            Self::Rejected(reason) => wire::rejected(protocol, reason),
            Self::Redirected => wire::redirected(protocol, &facts.leader),
            Self::Unreachable => wire::not_forwarded(protocol, (502, 14), "unreachable"),
            Self::Broken => wire::not_forwarded(protocol, (502, 10), "lost"),
            Self::TooSlow => wire::not_forwarded(protocol, (504, 4), "timeout"),
            Self::ByClosure(reason) => wire::by_closure(protocol, reason),
            Self::Failed(reason) => wire::failed(protocol, reason),
            Self::Lost => wire::lost(protocol),
            Self::LostMidway => wire::lost_midway(protocol, &by_node),
        }
    }
}
