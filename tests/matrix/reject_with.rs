//! `reject_with`: the response of a closure, over HTTP and over gRPC.

use axum::{body::Body, response::IntoResponse};
use http::{Request, Response, StatusCode};
use noleader::NotLeader;
use tonic::Status;

use crate::{
    action::{Action, Row},
    cell::{Setting, State::*, Then::*},
    expect::Expect::*,
    front::{Front, Spot, front},
};

pub(crate) const REJECT_WITH: Action = Action {
    name: "reject_with",
    front,
    plain: PLAIN,
    settings: &[
        (Setting::CancelOnLoss, CANCEL_ON_LOSS),
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
    (Follows,        AtOnce,     ByClosure("not_leader")),
    (NoLeader,       AtOnce,     ByClosure("no_leader")),
    (Warms,          AtOnce,     ByClosure("warming")),
    (Drains,         AtOnce,     ByClosure("draining")),
    (LostBeforeHead, AtOnce,     Served),
    (LostAfterHead,  AtOnce,     Served),
    (Stopped,        AtOnce,     ByClosure("stopped")),
];

/// The closure rejects only requests that were not executed. These may have been.
#[rustfmt::skip]
const CANCEL_ON_LOSS: &[Row] = &[
    (LostBeforeHead, AtOnce,     Lost),
    (LostAfterHead,  AtOnce,     LostMidway),
];

#[rustfmt::skip]
const MIN_REMAINING: &[Row] = &[
    (Expires,        AtOnce,     ByClosure("no_leader")),
];

fn front(spot: &Spot<'_>) -> Front {
    if spot.cell.protocol.is_grpc() {
        front!(spot, grpc, spot.gate().reject_with(over_grpc))
    } else {
        front!(spot, http, spot.gate().reject_with(over_http))
    }
}

fn over_http<B>(not_leader: NotLeader, request: Request<B>) -> Response<Body> {
    let text = format!(
        "{} {} was not executed",
        request.method(),
        request.uri().path()
    );
    let reason = [("x-reason", not_leader.reason().as_str())];
    (StatusCode::MISDIRECTED_REQUEST, reason, Body::from(text)).into_response()
}

fn over_grpc<B>(not_leader: NotLeader, _: Request<B>) -> Response<tonic::body::Body> {
    let text = format!("not executed: {}", not_leader.reason().as_str());
    Status::failed_precondition(text).into_http()
}
