//! `fail`: the application turns the error into a response with axum's `HandleErrorLayer`. A handler gets no term.

use std::convert::Infallible;

use axum::{error_handling::HandleErrorLayer, response::IntoResponse};
use http::StatusCode;
use tonic::Status;
use tower::{BoxError, ServiceBuilder, util::MapErrLayer};

use crate::{
    action::{Action, Row},
    cell::{Setting, State::*, Then::*},
    expect::Expect::*,
    front::{Front, Spot, front},
};

pub(crate) const FAIL: Action = Action {
    name: "fail",
    front,
    plain: PLAIN,
    settings: &[(Setting::MinRemaining, MIN_REMAINING)],
    waits: false,
    is_layered: false,
};

#[rustfmt::skip]
const PLAIN: &[Row] = &[
    // The node      and then    the client receives
    (Leads,          AtOnce,     ServedTermless),
    (Expires,        AtOnce,     ServedTermless),
    (Follows,        AtOnce,     Failed("not_leader")),
    (NoLeader,       AtOnce,     Failed("no_leader")),
    (Warms,          AtOnce,     Failed("warming")),
    (Drains,         AtOnce,     Failed("draining")),
    (LostBeforeHead, AtOnce,     ServedTermless),
    (LostAfterHead,  AtOnce,     ServedTermless),
    (Stopped,        AtOnce,     Failed("stopped")),
];

#[rustfmt::skip]
const MIN_REMAINING: &[Row] = &[
    (Expires,        AtOnce,     Failed("no_leader")),
];

fn front(spot: &Spot<'_>) -> Front {
    let is_grpc = spot.cell.protocol.is_grpc();
    let respond = move |error: BoxError| async move {
        let text = format!("failed: {error}");
        if is_grpc {
            Status::internal(text).into_http::<axum::body::Body>()
        } else {
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    };
    // The error type of the handlers is `Infallible`, which cannot hold `NotLeader`.
    let gate = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(respond))
        .layer(spot.gate().fail())
        .layer(MapErrLayer::new(BoxError::from as fn(Infallible) -> _));
    front!(spot, gate)
}
