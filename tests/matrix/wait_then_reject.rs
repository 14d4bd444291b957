//! `wait_up_to` alone: requests are held during an election, and then rejected.

use noleader::LeaderOnlyLayer;

use crate::{
    cell::{Action, Row, Setting, State::*, Then::*},
    expect::Expect::*,
    front::{Front, Spot},
    scene::MIN,
};

pub(crate) const WAIT_THEN_REJECT: Action = Action {
    name: "wait_up_to, reject",
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
    (NoLeader,       Opens,      Served,                            Served),
    (NoLeader,       OtherLeads, Http503("not_leader"),             Unavailable("not_leader")),
    (NoLeader,       Stops,      Http503("stopped"),                Unavailable("stopped")),
    (NoLeader,       TimeIsOver, Http503("no_leader"),              Unavailable("no_leader")),
    (Warms,          Opens,      Served,                            Served),
    (Warms,          OtherLeads, Http503("not_leader"),             Unavailable("not_leader")),
    (Warms,          Stops,      Http503("stopped"),                Unavailable("stopped")),
    (Warms,          TimeIsOver, Http503("warming"),                Unavailable("warming")),
    (Drains,         Opens,      Served,                            Served),
    (Drains,         OtherLeads, Http503("not_leader"),             Unavailable("not_leader")),
    (Drains,         Stops,      Http503("stopped"),                Unavailable("stopped")),
    (Drains,         TimeIsOver, Http503("draining"),               Unavailable("draining")),
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
    (NoLeader,       OtherLeads, Naming(&Http503("not_leader")),    Naming(&Unavailable("not_leader"))),
    (Warms,          OtherLeads, Naming(&Http503("not_leader")),    Naming(&Unavailable("not_leader"))),
    (Drains,         OtherLeads, Naming(&Http503("not_leader")),    Naming(&Unavailable("not_leader"))),
];

/// A renewal may still arrive, so the request is held.
#[rustfmt::skip]
const MIN_REMAINING: &[Row] = &[
    (Expires,        Opens,      Served,                            Served),
    (Expires,        TimeIsOver, Http503("no_leader"),              Unavailable("no_leader")),
];

fn front(spot: &Spot<'_>) -> Front {
    let layer = LeaderOnlyLayer::new(spot.handle.clone());
    let layer = layer.wait_up_to(spot.wait);
    match spot.setting() {
        Setting::Plain => spot.front(layer),
        Setting::CancelOnLoss => spot.front(layer.cancel_on_loss()),
        Setting::RevealLeader => spot.front(layer.reveal_leader(true)),
        Setting::MinRemaining => spot.front(layer.min_remaining(MIN)),
    }
}

#[tokio::test]
async fn every_cell() {
    WAIT_THEN_REJECT.check(430).await;
}
