//! A cell of the matrix: one request over one protocol, to a node in one state, with one action and one setting.

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

    /// Whether the client can receive the head of the response while the handler still runs.
    fn streams_answers(self) -> bool {
        !matches!(self, Self::Unary | Self::ClientStreaming)
    }
}

/// The state of the node when the request arrives, or the change while it is in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Leads,
    /// It leads, with less of the lease left than `min_remaining`.
    Expires,
    /// Another node leads, and publishes its address.
    Follows,
    NoLeader,
    Warms,
    Drains,
    /// It leads, and the term ends after the request is admitted.
    LostBeforeHead,
    /// The same, after the client has received the head and a part of the body.
    LostAfterHead,
    Stopped,
    /// Another node leads, and a third node has forwarded the request.
    Marked,
    /// Another node leads, and its host refuses connections.
    LeaderRefuses,
    /// Another node leads, and closes each connection after reading from it.
    LeaderBreaks,
    /// Another node leads, and never responds.
    LeaderSilent,
    /// Another node leads, and its term ends after it has admitted the request.
    LeaderLosesBeforeHead,
    /// The same, after the client has received the head and a part of the body.
    LeaderLosesAfterHead,
}

impl State {
    /// The states that every action has to handle.
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

/// The event that ends the wait of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// None: the request is not held.
    AtOnce,
    /// This node leads.
    Opens,
    /// Another node leads.
    OtherLeads,
    /// The node leaves the election.
    Stops,
    /// The time limit, for being held or for the leader's response.
    TimeIsOver,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    Plain,
    CancelOnLoss,
    RevealLeader,
    MinRemaining,
}

/// A row of a table, with the expectations over HTTP and over gRPC.
pub(crate) type Row = (State, Then, Expect, Expect);

/// A follower action, and its tables.
pub(crate) struct Action {
    pub(crate) name: &'static str,
    /// Builds the gated server as an application would.
    pub(crate) front: fn(&Spot) -> Front,
    /// The rows without any other setting.
    pub(crate) plain: &'static [Row],
    /// For each other setting, the rows that it changes.
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

/// Whether the setting has its own row for this request. A request may be held only with the setting.
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
