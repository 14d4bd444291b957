//! `redirect`: HTTP requests are redirected to a known leader. gRPC clients do not follow redirects.

use crate::{
    action::{Action, Row},
    cell::{Setting, State::*, Then::*},
    expect::Expect::*,
    front::front,
};

pub(crate) const REDIRECT: Action = Action {
    name: "redirect",
    front: |spot| front!(spot, spot.gate().redirect()),
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
    (Follows,        AtOnce,     Redirected),
    (Marked,         AtOnce,     Rejected("not_leader")),
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

/// A redirect names the leader without this setting.
#[rustfmt::skip]
const REVEAL_LEADER: &[Row] = &[
    (Follows,        AtOnce,     Naming(&Redirected)),
    (Marked,         AtOnce,     Naming(&Rejected("not_leader"))),
];

#[rustfmt::skip]
const MIN_REMAINING: &[Row] = &[
    (Expires,        AtOnce,     Rejected("no_leader")),
];
