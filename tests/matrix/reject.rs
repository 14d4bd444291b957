//! The default action: a response that says that the request was not executed, and when to retry.

use noleader::LeaderOnlyLayer;

use crate::{
    cell::{Action, Row, Setting, State::*, Then::*},
    expect::Expect::*,
    front::{Front, Spot},
    scene::MIN,
};

pub(crate) const REJECT: Action = Action {
    name: "reject",
    front,
    plain: PLAIN,
    settings: &[
        (Setting::CancelOnLoss, CANCEL_ON_LOSS),
        (Setting::RevealLeader, REVEAL_LEADER),
        (Setting::MinRemaining, MIN_REMAINING),
    ],
};

#[rustfmt::skip]
const PLAIN: &[Row] = &[
    // The node      and then    HTTP                               gRPC
    (Leads,          AtOnce,     Served,                            Served),
    (Expires,        AtOnce,     Served,                            Served),
    (Follows,        AtOnce,     Http503("not_leader"),             Unavailable("not_leader")),
    (NoLeader,       AtOnce,     Http503("no_leader"),              Unavailable("no_leader")),
    (Warms,          AtOnce,     Http503("warming"),                Unavailable("warming")),
    (Drains,         AtOnce,     Http503("draining"),               Unavailable("draining")),
    (LostBeforeHead, AtOnce,     Served,                            Served),
    (LostAfterHead,  AtOnce,     Served,                            Served),
    (Stopped,        AtOnce,     Http503("stopped"),                Unavailable("stopped")),
];

#[rustfmt::skip]
const CANCEL_ON_LOSS: &[Row] = &[
    (LostBeforeHead, AtOnce,     Http503Lost,                       Aborted),
    (LostAfterHead,  AtOnce,     Torn,                              AbortedMidway),
];

#[rustfmt::skip]
const REVEAL_LEADER: &[Row] = &[
    (Follows,        AtOnce,     Naming(&Http503("not_leader")),    Naming(&Unavailable("not_leader"))),
];

#[rustfmt::skip]
const MIN_REMAINING: &[Row] = &[
    (Expires,        AtOnce,     Http503("no_leader"),              Unavailable("no_leader")),
];

fn front(spot: &Spot<'_>) -> Front {
    let layer = LeaderOnlyLayer::new(spot.handle.clone());
    match spot.setting() {
        Setting::Plain => spot.front(layer),
        Setting::CancelOnLoss => spot.front(layer.cancel_on_loss()),
        Setting::RevealLeader => spot.front(layer.reveal_leader(true)),
        Setting::MinRemaining => spot.front(layer.min_remaining(MIN)),
    }
}

#[tokio::test]
async fn every_cell() {
    REJECT.check(208).await;
}
