//! `not_ready`: axum's router and hyper's server call `poll_ready` when they have a request, which is then held there.

use noleader::LeaderOnlyLayer;

use crate::{
    cell::{Action, Row, Setting, State::*, Then::*},
    expect::Expect::*,
    front::{Front, Spot},
    scene::MIN,
};

pub(crate) const NOT_READY: Action = Action {
    name: "not_ready",
    front,
    plain: PLAIN,
    settings: &[
        (Setting::CancelOnLoss, CANCEL_ON_LOSS),
        (Setting::RevealLeader, &[]),
        (Setting::MinRemaining, MIN_REMAINING),
    ],
};

#[rustfmt::skip]
const PLAIN: &[Row] = &[
    // The node      and then    HTTP                         gRPC
    (Leads,          AtOnce,     Served,                      Served),
    (Expires,        AtOnce,     Served,                      Served),
    (Follows,        Opens,      Served,                      Served),
    (Follows,        Stops,      Http503("stopped"),          Unavailable("stopped")),
    (NoLeader,       Opens,      Served,                      Served),
    (NoLeader,       OtherLeads, Parked,                      Parked),
    (NoLeader,       Stops,      Http503("stopped"),          Unavailable("stopped")),
    (Warms,          Opens,      Served,                      Served),
    (Warms,          OtherLeads, Parked,                      Parked),
    (Warms,          Stops,      Http503("stopped"),          Unavailable("stopped")),
    (Drains,         Opens,      Served,                      Served),
    (Drains,         OtherLeads, Parked,                      Parked),
    (Drains,         Stops,      Http503("stopped"),          Unavailable("stopped")),
    (LostBeforeHead, AtOnce,     Served,                      Served),
    (LostAfterHead,  AtOnce,     Served,                      Served),
    (Stopped,        AtOnce,     Http503("stopped"),          Unavailable("stopped")),
];

#[rustfmt::skip]
const CANCEL_ON_LOSS: &[Row] = &[
    (LostBeforeHead, AtOnce,     Http503Lost,                 Aborted),
    (LostAfterHead,  AtOnce,     Torn,                        AbortedMidway),
];

/// Readiness does not depend on this setting, so the request is rejected.
#[rustfmt::skip]
const MIN_REMAINING: &[Row] = &[
    (Expires,        AtOnce,     Http503("no_leader"),        Unavailable("no_leader")),
];

fn front(spot: &Spot<'_>) -> Front {
    let layer = LeaderOnlyLayer::new(spot.handle.clone()).not_ready();
    match spot.setting() {
        Setting::Plain => spot.front(layer),
        Setting::CancelOnLoss => spot.front(layer.cancel_on_loss()),
        Setting::RevealLeader => spot.front(layer.reveal_leader(true)),
        Setting::MinRemaining => spot.front(layer.min_remaining(MIN)),
    }
}

#[tokio::test]
async fn every_cell() {
    NOT_READY.check(376).await;
}
