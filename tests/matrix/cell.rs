//! A cell of the matrix: one request, by one protocol, to a node in one state, through a gate with one
//! action and one setting.

use std::fmt;

use crate::{
    expect::Expect,
    front::{Front, Spot},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
    Unary,
    ClientStreaming,
    ServerStreaming,
    Bidi,
}

impl Protocol {
    pub(crate) const ALL: [Self; 6] = [
        Self::Http1,
        Self::Http2,
        Self::Unary,
        Self::ClientStreaming,
        Self::ServerStreaming,
        Self::Bidi,
    ];

    pub(crate) fn is_grpc(self) -> bool {
        !matches!(self, Self::Http1 | Self::Http2)
    }

    /// Whether the handler still works on the answer when the client has its head.
    fn streams_answers(self) -> bool {
        !matches!(self, Self::Unary | Self::ClientStreaming)
    }
}

/// What the node is when the request comes, or becomes while it is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Leads,
    /// It leads, with less of the lease left than `min_remaining` asks for.
    Expires,
    /// Another node leads, and publishes its address.
    Follows,
    NoLeader,
    Warms,
    Drains,
    /// It leads, and the term ends after the request was admitted.
    LostBeforeHead,
    /// The same, when the client has the head of the answer and a part of its body.
    LostAfterHead,
    Stopped,
    /// Another node leads, and the request was forwarded here by yet another.
    Marked,
    /// Another node leads, and nobody listens at its address.
    LeaderRefuses,
    /// Another node leads, and closes the connection once it has read from it.
    LeaderBreaks,
    /// Another node leads, and says nothing.
    LeaderSilent,
    /// Another node leads, and its term ends after it admitted the request.
    LeaderLosesBeforeHead,
    /// The same, when the client has the head of the answer and a part of its body.
    LeaderLosesAfterHead,
}

impl State {
    /// Those that matter to every action.
    pub(crate) const COMMON: [Self; 9] = [
        Self::Leads,
        Self::Expires,
        Self::Follows,
        Self::NoLeader,
        Self::Warms,
        Self::Drains,
        Self::LostBeforeHead,
        Self::LostAfterHead,
        Self::Stopped,
    ];

    pub(crate) fn is_seen_by(self, protocol: Protocol) -> bool {
        let is_after_head = matches!(self, Self::LostAfterHead | Self::LeaderLosesAfterHead);
        !is_after_head || protocol.streams_answers()
    }
}

/// What happens to a request that is not answered in the state in which it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Nothing: it is answered.
    AtOnce,
    /// The gate opens to it.
    Opens,
    /// Another node leads.
    OtherLeads,
    /// The node leaves the election.
    Stops,
    /// Nothing, until it has waited for as long as it may.
    TimeIsOver,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    Plain,
    CancelOnLoss,
    RevealLeader,
    MinRemaining,
}

/// A line of a table: what is expected over HTTP, and over gRPC.
pub(crate) type Row = (State, Then, Expect, Expect);

/// What is done with a request while the gate is shut, and all that is expected of it.
pub(crate) struct Action {
    pub(crate) name: &'static str,
    /// The server with its gate, as an application would put it together.
    pub(crate) front: fn(&Spot) -> Front,
    /// Without any other setting.
    pub(crate) plain: &'static [Row],
    /// With another setting: the rows in which it makes a difference.
    pub(crate) settings: &'static [(Setting, &'static [Row])],
}

impl Action {
    pub(crate) fn cells(&self) -> Vec<Cell<'_>> {
        let plain: (Setting, &[Row]) = (Setting::Plain, &[]);
        let settings = std::iter::once(&plain).chain(self.settings);
        let rows = settings.flat_map(|&(setting, other)| {
            let same = self.plain.iter().filter(|row| !is_replaced(row, other));
            same.chain(other).map(move |row| (setting, row))
        });
        let mut cells = Vec::new();
        for (setting, &(state, then, http, grpc)) in rows {
            for protocol in Protocol::ALL {
                if state.is_seen_by(protocol) {
                    let expect = if protocol.is_grpc() { grpc } else { http };
                    cells.push(Cell {
                        action: self,
                        setting,
                        state,
                        then,
                        protocol,
                        expect,
                    });
                }
            }
        }
        cells
    }
}

/// Whether there is another row for the same request. What is answered at once without a setting may be held
/// with it.
fn is_replaced(row: &Row, others: &[Row]) -> bool {
    let is_same_moment = |then: Then| then == row.1 || row.1 == Then::AtOnce;
    others
        .iter()
        .any(|other| other.0 == row.0 && is_same_moment(other.1))
}

#[derive(Clone, Copy)]
pub(crate) struct Cell<'a> {
    pub(crate) action: &'a Action,
    pub(crate) setting: Setting,
    pub(crate) state: State,
    pub(crate) then: Then,
    pub(crate) protocol: Protocol,
    pub(crate) expect: Expect,
}

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            action,
            setting,
            state,
            then,
            protocol,
            expect,
        } = self;
        let name = action.name;
        write!(
            f,
            "{name}, {setting:?}: {state:?}, {then:?}: {protocol:?} -> {expect:?}"
        )
    }
}
