//! `not_ready`: axum's router and hyper's server call `poll_ready` when they have a request, which is then held there.

use crate::{
    action::{Action, Row},
    cell::{Setting, State::*, Then::*},
    expect::Expect::*,
    front::front,
};

pub(crate) const NOT_READY: Action = Action {
    name: "not_ready",
    front: |spot| front!(spot, spot.gate().not_ready()),
    plain: PLAIN,
    settings: &[
        (Setting::CancelOnLoss, CANCEL_ON_LOSS),
        (Setting::RevealLeader, &[]),
        (Setting::MinRemaining, MIN_REMAINING),
    ],
    waits: false,
    is_layered: false,
};

#[rustfmt::skip]
const PLAIN: &[Row] = &[
    // The node      and then    the client receives
    (Leads,          AtOnce,     Served),
    (Expires,        AtOnce,     Served),
    (Follows,        Opens,      Served),
    (Follows,        Stops,      Rejected("stopped")),
    (NoLeader,       Opens,      Served),
    (NoLeader,       OtherLeads, Parked(&Rejected("stopped"))),
    (NoLeader,       Stops,      Rejected("stopped")),
    (Warms,          Opens,      Served),
    (Warms,          OtherLeads, Parked(&Rejected("stopped"))),
    (Warms,          Stops,      Rejected("stopped")),
    (Drains,         Opens,      Served),
    (Drains,         OtherLeads, Parked(&Rejected("stopped"))),
    (Drains,         Stops,      Rejected("stopped")),
    (LostBeforeHead, AtOnce,     Served),
    (LostAfterHead,  AtOnce,     Served),
    (Stopped,        AtOnce,     Rejected("stopped")),
];

#[rustfmt::skip]
const CANCEL_ON_LOSS: &[Row] = &[
    (LostBeforeHead, AtOnce,     Lost),
    (LostAfterHead,  AtOnce,     LostMidway),
];

/// Readiness does not depend on this setting, so the request is rejected.
#[rustfmt::skip]
const MIN_REMAINING: &[Row] = &[
    (Expires,        AtOnce,     Rejected("no_leader")),
];
