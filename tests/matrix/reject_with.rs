//! `reject_with`: the response of a closure, over HTTP and over gRPC.

use axum::response::IntoResponse;
use http::{Request, Response, StatusCode};
use noleader::{LeaderOnlyLayer, NotLeader};
use tonic::Status;

use crate::{
    cell::{Action, Row, Setting, State::*, Then::*},
    expect::Expect::*,
    front::{Front, Spot},
    scene::MIN,
};

pub(crate) const REJECT_WITH: Action = Action {
    name: "reject_with",
    front,
    plain: PLAIN,
    settings: &[
        (Setting::CancelOnLoss, CANCEL_ON_LOSS),
        (Setting::MinRemaining, MIN_REMAINING),
    ],
};

#[rustfmt::skip]
const PLAIN: &[Row] = &[
    // The node      and then    HTTP                         gRPC
    (Leads,          AtOnce,     Served,                      Served),
    (Expires,        AtOnce,     Served,                      Served),
    (Follows,        AtOnce,     Http421("not_leader"),       FailedPrecondition("not_leader")),
    (NoLeader,       AtOnce,     Http421("no_leader"),        FailedPrecondition("no_leader")),
    (Warms,          AtOnce,     Http421("warming"),          FailedPrecondition("warming")),
    (Drains,         AtOnce,     Http421("draining"),         FailedPrecondition("draining")),
    (LostBeforeHead, AtOnce,     Served,                      Served),
    (LostAfterHead,  AtOnce,     Served,                      Served),
    (Stopped,        AtOnce,     Http421("stopped"),          FailedPrecondition("stopped")),
];

/// The closure rejects only requests that were not executed. These may have been.
#[rustfmt::skip]
const CANCEL_ON_LOSS: &[Row] = &[
    (LostBeforeHead, AtOnce,     Http503Lost,                 Aborted),
    (LostAfterHead,  AtOnce,     Torn,                        AbortedMidway),
];

#[rustfmt::skip]
const MIN_REMAINING: &[Row] = &[
    (Expires,        AtOnce,     Http421("no_leader"),        FailedPrecondition("no_leader")),
];

fn front(spot: &Spot<'_>) -> Front {
    let layer = LeaderOnlyLayer::new(spot.handle.clone());
    if spot.cell.protocol.is_grpc() {
        let layer = layer.reject_with(over_grpc);
        match spot.setting() {
            Setting::CancelOnLoss => spot.grpc(layer.cancel_on_loss()),
            Setting::MinRemaining => spot.grpc(layer.min_remaining(MIN)),
            _ => spot.grpc(layer),
        }
    } else {
        let layer = layer.reject_with(over_http);
        match spot.setting() {
            Setting::CancelOnLoss => spot.http(layer.cancel_on_loss()),
            Setting::MinRemaining => spot.http(layer.min_remaining(MIN)),
            _ => spot.http(layer),
        }
    }
}

fn over_http(
    not_leader: NotLeader,
    request: Request<axum::body::Body>,
) -> Response<axum::body::Body> {
    let text = format!(
        "{} {} was not executed",
        request.method(),
        request.uri().path()
    );
    let reason = [("x-reason", not_leader.reason().as_str())];
    (
        StatusCode::MISDIRECTED_REQUEST,
        reason,
        axum::body::Body::from(text),
    )
        .into_response()
}

fn over_grpc(not_leader: NotLeader, _: Request<tonic::body::Body>) -> Response<tonic::body::Body> {
    let text = format!("not executed: {}", not_leader.reason().as_str());
    Status::failed_precondition(text).into_http()
}

#[tokio::test]
async fn every_cell() {
    REJECT_WITH.check(156).await;
}
