//! A cell of the matrix: one request over one protocol, to a node in one state, with one action and one setting.

use std::fmt;

use crate::{action::Action, expect::Expect};

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
    /// It drains, and the request comes in at a follower that forwards it to this node.
    DrainsBehindForward,
    /// The same, and the follower holds requests that were not executed.
    DrainsBehindHold,
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
    pub(crate) const COMMON: [Self; 11] = [
        Self::Leads,
        Self::Expires,
        Self::Follows,
        Self::NoLeader,
        Self::Warms,
        Self::Drains,
        Self::DrainsBehindForward,
        Self::DrainsBehindHold,
        Self::LostBeforeHead,
        Self::LostAfterHead,
        Self::Stopped,
    ];

    pub(crate) fn is_seen_by(self, protocol: Protocol) -> bool {
        let is_after_head = matches!(self, Self::LostAfterHead | Self::LeaderLosesAfterHead);
        !is_after_head || protocol.streams_answers()
    }

    /// Whether the request comes in at a follower of the node.
    pub(crate) fn is_behind_follower(self) -> bool {
        matches!(self, Self::DrainsBehindForward | Self::DrainsBehindHold)
    }

    /// The events that end the hold of a request that arrives in this state.
    pub(crate) fn ends_of_hold(self) -> &'static [Then] {
        use Then::{Opens, OtherLeads, Stops, TimeIsOver};
        match self {
            Self::NoLeader | Self::Warms | Self::Drains => &[Opens, OtherLeads, Stops, TimeIsOver],
            // A renewal may still arrive.
            Self::Expires => &[Opens, TimeIsOver],
            // The request was not executed. A node that leaves the election goes on asking that leader.
            Self::LeaderRefuses => &[Opens, TimeIsOver],
            _ => &[],
        }
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
    /// The follower leads at which the request came in.
    EntryLeads,
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
        let wait = if action.waits { "wait_up_to, " } else { "" };
        let layers = if action.is_layered { ", layers" } else { "" };
        let name = action.name;
        write!(
            f,
            "{wait}{name}{layers}, {setting:?}: {state:?}, {then:?}: {protocol:?} -> {expect:?}"
        )
    }
}
