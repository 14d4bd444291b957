//! The default action: a response that says that the request was not executed, and when to retry.

use crate::{
    action::{Action, Row},
    cell::{Setting, State::*, Then::*},
    expect::Expect::*,
    front::front,
};

pub(crate) const REJECT: Action = Action {
    name: "reject",
    front: |spot| front!(spot, spot.gate()),
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
    // The node      and then    the client receives
    (Leads,          AtOnce,     Served),
    (Expires,        AtOnce,     Served),
    (Follows,        AtOnce,     Rejected("not_leader")),
    (NoLeader,       AtOnce,     Rejected("no_leader")),
    (Warms,          AtOnce,     Rejected("warming")),
    (Drains,         AtOnce,     Rejected("draining")),
    (LostBeforeHead, AtOnce,     Served),
    (LostAfterHead,  AtOnce,     Served),
    (Stopped,        AtOnce,     Rejected("stopped")),
];

#[rustfmt::skip]
const CANCEL_ON_LOSS: &[Row] = &[
    (LostBeforeHead, AtOnce,     Lost),
    (LostAfterHead,  AtOnce,     LostMidway),
];

#[rustfmt::skip]
const REVEAL_LEADER: &[Row] = &[
    (Follows,        AtOnce,     Naming(&Rejected("not_leader"))),
];

#[rustfmt::skip]
const MIN_REMAINING: &[Row] = &[
    (Expires,        AtOnce,     Rejected("no_leader")),
];
