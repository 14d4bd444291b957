//! `forward`: the leader responds.

use axum::body::Body;
use noleader::LeaderOnlyLayer;

use crate::{
    cell::{Action, Row, Setting, State::*, Then::*},
    expect::Expect::*,
    front::{Front, Spot},
    http::client,
    scene::MIN,
};

pub(crate) const FORWARD: Action = Action {
    name: "forward",
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
    // The node             and then    HTTP                             gRPC
    (Leads,                 AtOnce,     Served,                          Served),
    (Expires,               AtOnce,     Served,                          Served),
    (Follows,               AtOnce,     Forwarded(&Served),              Forwarded(&Served)),
    (Marked,                AtOnce,     Http503("not_leader"),           Unavailable("not_leader")),
    (LeaderRefuses,         AtOnce,     Http502("unreachable"),          Unreachable),
    (LeaderBreaks,          AtOnce,     Http502("lost"),                 Broken),
    (LeaderSilent,          TimeIsOver, Http504,                         DeadlineExceeded),
    (LeaderLosesBeforeHead, AtOnce,     Forwarded(&Served),              Forwarded(&Served)),
    (LeaderLosesAfterHead,  AtOnce,     Forwarded(&Served),              Forwarded(&Served)),
    (NoLeader,              AtOnce,     Http503("no_leader"),            Unavailable("no_leader")),
    (Warms,                 AtOnce,     Http503("warming"),              Unavailable("warming")),
    (Drains,                AtOnce,     Http503("draining"),             Unavailable("draining")),
    (LostBeforeHead,        AtOnce,     Served,                          Served),
    (LostAfterHead,         AtOnce,     Served,                          Served),
    (Stopped,               AtOnce,     Http503("stopped"),              Unavailable("stopped")),
];

/// The leader's layer has the same setting.
#[rustfmt::skip]
const CANCEL_ON_LOSS: &[Row] = &[
    (LostBeforeHead,        AtOnce,     Http503Lost,                     Aborted),
    (LostAfterHead,         AtOnce,     Torn,                            AbortedMidway),
    (LeaderLosesBeforeHead, AtOnce,     Forwarded(&Http503Lost),         Forwarded(&Aborted)),
    (LeaderLosesAfterHead,  AtOnce,     Forwarded(&Torn),                Forwarded(&AbortedMidway)),
];

#[rustfmt::skip]
const REVEAL_LEADER: &[Row] = &[
    (Marked,                AtOnce,     Naming(&Http503("not_leader")),  Naming(&Unavailable("not_leader"))),
    (LeaderRefuses,         AtOnce,     Naming(&Http502("unreachable")), Naming(&Unreachable)),
    (LeaderBreaks,          AtOnce,     Naming(&Http502("lost")),        Naming(&Broken)),
    (LeaderSilent,          TimeIsOver, Naming(&Http504),                Naming(&DeadlineExceeded)),
];

#[rustfmt::skip]
const MIN_REMAINING: &[Row] = &[
    (Expires,               AtOnce,     Http503("no_leader"),            Unavailable("no_leader")),
];

fn front(spot: &Spot<'_>) -> Front {
    let layer = LeaderOnlyLayer::new(spot.handle.clone());
    if spot.cell.protocol.is_grpc() {
        let layer = layer.forward(client::<Body>(spot.cell.protocol));
        let layer = layer.forward_timeout(spot.time_limit);
        match spot.setting() {
            Setting::Plain => spot.grpc(layer),
            Setting::CancelOnLoss => spot.grpc(layer.cancel_on_loss()),
            Setting::RevealLeader => spot.grpc(layer.reveal_leader(true)),
            Setting::MinRemaining => spot.grpc(layer.min_remaining(MIN)),
        }
    } else {
        let layer = layer.forward(client::<Body>(spot.cell.protocol));
        let layer = layer.forward_timeout(spot.time_limit);
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
    FORWARD.check(344).await;
}
