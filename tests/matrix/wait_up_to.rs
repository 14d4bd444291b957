//! Requests that are held over an election, and then answered as is configured.

use noleader::LeaderOnlyLayer;

use crate::{
    cell::{Action, Row, Setting, State::*, Then::*},
    expect::Expect::*,
    scene::MIN,
};

pub(crate) const WAIT_THEN_REJECT: Action = Action {
    name: "wait_up_to, reject",
    front: |spot| {
        let layer = LeaderOnlyLayer::new(spot.handle.clone()).wait_up_to(spot.wait);
        match spot.setting() {
            Setting::Plain => spot.front(layer),
            Setting::CancelOnLoss => spot.front(layer.cancel_on_loss()),
            Setting::RevealLeader => spot.front(layer.reveal_leader(true)),
            Setting::MinRemaining => spot.front(layer.min_remaining(MIN)),
        }
    },
    plain: REJECT,
    settings: &[
        (Setting::CancelOnLoss, CANCEL_ON_LOSS),
        (Setting::RevealLeader, REJECT_NAMING),
        (Setting::MinRemaining, MIN_REMAINING),
    ],
};

#[rustfmt::skip]
const REJECT: &[Row] = &[
    // The node      and then    HTTP                         gRPC
    (Leads,          AtOnce,     Served,                      Served),
    (Expires,        AtOnce,     Served,                      Served),
    (Follows,        AtOnce,     Http503("not_leader"),       Unavailable("not_leader")),
    (NoLeader,       Opens,      Served,                      Served),
    (NoLeader,       OtherLeads, Http503("not_leader"),       Unavailable("not_leader")),
    (NoLeader,       Stops,      Http503("stopped"),          Unavailable("stopped")),
    (NoLeader,       TimeIsOver, Http503("no_leader"),        Unavailable("no_leader")),
    (Warms,          Opens,      Served,                      Served),
    (Warms,          OtherLeads, Http503("not_leader"),       Unavailable("not_leader")),
    (Warms,          Stops,      Http503("stopped"),          Unavailable("stopped")),
    (Warms,          TimeIsOver, Http503("warming"),          Unavailable("warming")),
    (Drains,         Opens,      Served,                      Served),
    (Drains,         OtherLeads, Http503("not_leader"),       Unavailable("not_leader")),
    (Drains,         Stops,      Http503("stopped"),          Unavailable("stopped")),
    (Drains,         TimeIsOver, Http503("draining"),         Unavailable("draining")),
    (LostBeforeHead, AtOnce,     Served,                      Served),
    (LostAfterHead,  AtOnce,     Served,                      Served),
    (Stopped,        AtOnce,     Http503("stopped"),          Unavailable("stopped")),
];

#[rustfmt::skip]
const REJECT_NAMING: &[Row] = &[
    (Follows,        AtOnce,     Http503Naming("not_leader"), UnavailableNaming("not_leader")),
    (NoLeader,       OtherLeads, Http503Naming("not_leader"), UnavailableNaming("not_leader")),
    (Warms,          OtherLeads, Http503Naming("not_leader"), UnavailableNaming("not_leader")),
    (Drains,         OtherLeads, Http503Naming("not_leader"), UnavailableNaming("not_leader")),
];

pub(crate) const WAIT_THEN_REDIRECT: Action = Action {
    name: "wait_up_to, redirect",
    front: |spot| {
        let layer = LeaderOnlyLayer::new(spot.handle.clone());
        let layer = layer.wait_up_to(spot.wait).redirect();
        match spot.setting() {
            Setting::Plain => spot.front(layer),
            Setting::CancelOnLoss => spot.front(layer.cancel_on_loss()),
            Setting::RevealLeader => spot.front(layer.reveal_leader(true)),
            Setting::MinRemaining => spot.front(layer.min_remaining(MIN)),
        }
    },
    plain: REDIRECT,
    settings: &[
        (Setting::CancelOnLoss, CANCEL_ON_LOSS),
        (Setting::RevealLeader, REDIRECT_NAMING),
        (Setting::MinRemaining, MIN_REMAINING),
    ],
};

#[rustfmt::skip]
const REDIRECT: &[Row] = &[
    // The node      and then    HTTP                         gRPC
    (Leads,          AtOnce,     Served,                      Served),
    (Expires,        AtOnce,     Served,                      Served),
    (Follows,        AtOnce,     Http307,                     Unavailable("not_leader")),
    (NoLeader,       Opens,      Served,                      Served),
    (NoLeader,       OtherLeads, Http307,                     Unavailable("not_leader")),
    (NoLeader,       Stops,      Http503("stopped"),          Unavailable("stopped")),
    (NoLeader,       TimeIsOver, Http503("no_leader"),        Unavailable("no_leader")),
    (Warms,          Opens,      Served,                      Served),
    (Warms,          OtherLeads, Http307,                     Unavailable("not_leader")),
    (Warms,          Stops,      Http503("stopped"),          Unavailable("stopped")),
    (Warms,          TimeIsOver, Http503("warming"),          Unavailable("warming")),
    (Drains,         Opens,      Served,                      Served),
    (Drains,         OtherLeads, Http307,                     Unavailable("not_leader")),
    (Drains,         Stops,      Http503("stopped"),          Unavailable("stopped")),
    (Drains,         TimeIsOver, Http503("draining"),         Unavailable("draining")),
    (LostBeforeHead, AtOnce,     Served,                      Served),
    (LostAfterHead,  AtOnce,     Served,                      Served),
    (Stopped,        AtOnce,     Http503("stopped"),          Unavailable("stopped")),
];

#[rustfmt::skip]
const REDIRECT_NAMING: &[Row] = &[
    (Follows,        AtOnce,     Http307,                     UnavailableNaming("not_leader")),
    (NoLeader,       OtherLeads, Http307,                     UnavailableNaming("not_leader")),
    (Warms,          OtherLeads, Http307,                     UnavailableNaming("not_leader")),
    (Drains,         OtherLeads, Http307,                     UnavailableNaming("not_leader")),
];

#[rustfmt::skip]
const CANCEL_ON_LOSS: &[Row] = &[
    (LostBeforeHead, AtOnce,     Http503Lost,                 Aborted),
    (LostAfterHead,  AtOnce,     Torn,                        AbortedMidway),
];

/// A renewal may come yet.
#[rustfmt::skip]
const MIN_REMAINING: &[Row] = &[
    (Expires,        Opens,      Served,                      Served),
    (Expires,        TimeIsOver, Http503("no_leader"),        Unavailable("no_leader")),
];

#[tokio::test]
async fn every_cell_over_reject() {
    WAIT_THEN_REJECT.check(430).await;
}

#[tokio::test]
async fn every_cell_over_redirect() {
    WAIT_THEN_REDIRECT.check(430).await;
}
