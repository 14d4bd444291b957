//! `wait_up_to` and `forward`: requests are held during an election, and then forwarded to the leader.

use axum::body::Body;
use noleader::LeaderOnlyLayer;

use crate::{
    cell::{Action, Row, Setting, State::*, Then::*},
    expect::Expect::*,
    front::{Front, Spot},
    http::client,
    scene::MIN,
};

pub(crate) const WAIT_THEN_FORWARD: Action = Action {
    name: "wait_up_to, forward",
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
    // The node      and then    HTTP                               gRPC
    (Leads,          AtOnce,     Served,                            Served),
    (Expires,        AtOnce,     Served,                            Served),
    (Follows,        AtOnce,     Forwarded(&Served),                Forwarded(&Served)),
    (NoLeader,       Opens,      Served,                            Served),
    (NoLeader,       OtherLeads, Forwarded(&Served),                Forwarded(&Served)),
    (NoLeader,       Stops,      Http503("stopped"),                Unavailable("stopped")),
    (NoLeader,       TimeIsOver, Http503("no_leader"),              Unavailable("no_leader")),
    (Warms,          Opens,      Served,                            Served),
    (Warms,          OtherLeads, Forwarded(&Served),                Forwarded(&Served)),
    (Warms,          Stops,      Http503("stopped"),                Unavailable("stopped")),
    (Warms,          TimeIsOver, Http503("warming"),                Unavailable("warming")),
    (Drains,         Opens,      Served,                            Served),
    (Drains,         OtherLeads, Forwarded(&Served),                Forwarded(&Served)),
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

/// A renewal may still arrive, so the request is held.
#[rustfmt::skip]
const MIN_REMAINING: &[Row] = &[
    (Expires,        Opens,      Served,                            Served),
    (Expires,        TimeIsOver, Http503("no_leader"),              Unavailable("no_leader")),
];

fn front(spot: &Spot<'_>) -> Front {
    let layer = LeaderOnlyLayer::new(spot.handle.clone());
    if spot.cell.protocol.is_grpc() {
        let layer = layer.forward(client::<Body>(spot.cell.protocol));
        let layer = layer.wait_up_to(spot.wait);
        match spot.setting() {
            Setting::Plain => spot.grpc(layer),
            Setting::CancelOnLoss => spot.grpc(layer.cancel_on_loss()),
            Setting::RevealLeader => spot.grpc(layer.reveal_leader(true)),
            Setting::MinRemaining => spot.grpc(layer.min_remaining(MIN)),
        }
    } else {
        let layer = layer.forward(client::<Body>(spot.cell.protocol));
        let layer = layer.wait_up_to(spot.wait);
        match spot.setting() {
            Setting::Plain => spot.http(layer),
            Setting::CancelOnLoss => spot.http(layer.cancel_on_loss()),
            Setting::RevealLeader => spot.http(layer.reveal_leader(true)),
            Setting::MinRemaining => spot.http(layer.min_remaining(MIN)),
        }
    }
}

#[tokio::test]
async fn every_cell() {
    WAIT_THEN_FORWARD.check(430).await;
}
