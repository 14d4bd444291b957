//! `forward`: the leader responds.

use axum::body::Body;

use crate::{
    action::{Action, Row},
    cell::{Setting, State::*, Then::*},
    expect::Expect::*,
    front::front,
    http::client,
};

pub(crate) const FORWARD: Action = Action {
    name: "forward",
    front: |spot| {
        let forward = spot.gate().forward(client::<Body>(spot.cell.protocol));
        front!(spot, forward.forward_timeout(spot.time_limit))
    },
    plain: PLAIN,
    settings: &[
        (Setting::CancelOnLoss, CANCEL_ON_LOSS),
        (Setting::RevealLeader, REVEAL_LEADER),
        (Setting::MinRemaining, MIN_REMAINING),
    ],
    waits: false,
    is_layered: false,
};

#[rustfmt::skip]
const PLAIN: &[Row] = &[
    // The node             and then    the client receives
    (Leads,                 AtOnce,     Served),
    (Expires,               AtOnce,     Served),
    (Follows,               AtOnce,     Forwarded(&Served)),
    (Marked,                AtOnce,     Rejected("not_leader")),
    (LeaderRefuses,         AtOnce,     Unreachable),
    (LeaderBreaks,          AtOnce,     Broken),
    (LeaderSilent,          TimeIsOver, TooSlow),
    (LeaderLosesBeforeHead, AtOnce,     Forwarded(&Served)),
    (LeaderLosesAfterHead,  AtOnce,     Forwarded(&Served)),
    (NoLeader,              AtOnce,     Rejected("no_leader")),
    (Warms,                 AtOnce,     Rejected("warming")),
    (Drains,                AtOnce,     Rejected("draining")),
    (LostBeforeHead,        AtOnce,     Served),
    (LostAfterHead,         AtOnce,     Served),
    (Stopped,               AtOnce,     Rejected("stopped")),
];

/// The leader's layer has the same setting.
#[rustfmt::skip]
const CANCEL_ON_LOSS: &[Row] = &[
    (LostBeforeHead,        AtOnce,     Lost),
    (LostAfterHead,         AtOnce,     LostMidway),
    (LeaderLosesBeforeHead, AtOnce,     Forwarded(&Lost)),
    (LeaderLosesAfterHead,  AtOnce,     Forwarded(&LostMidway)),
];

#[rustfmt::skip]
const REVEAL_LEADER: &[Row] = &[
    (Marked,                AtOnce,     Naming(&Rejected("not_leader"))),
    (LeaderRefuses,         AtOnce,     Naming(&Unreachable)),
    (LeaderBreaks,          AtOnce,     Naming(&Broken)),
    (LeaderSilent,          TimeIsOver, Naming(&TooSlow)),
];

#[rustfmt::skip]
const MIN_REMAINING: &[Row] = &[
    (Expires,               AtOnce,     Rejected("no_leader")),
];
