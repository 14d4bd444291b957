//! `fail`: the application turns the error into a response, axum with `HandleErrorLayer` and tonic with a layer around
//! the server. A handler gets no term.

use std::convert::Infallible;

use axum::error_handling::HandleErrorLayer;
use http::StatusCode;
use noleader::LeaderOnlyLayer;
use tonic::Status;
use tower::{BoxError, ServiceBuilder, util::MapErrLayer};

use crate::{
    cell::{Action, Row, Setting, State::*, Then::*},
    expect::Expect::*,
    front::{Front, Spot},
    scene::MIN,
};

pub(crate) const FAIL: Action = Action {
    name: "fail",
    front,
    plain: PLAIN,
    settings: &[(Setting::MinRemaining, MIN_REMAINING)],
};

#[rustfmt::skip]
const PLAIN: &[Row] = &[
    // The node      and then    HTTP                         gRPC
    (Leads,          AtOnce,     ServedTermless,              ServedTermless),
    (Expires,        AtOnce,     ServedTermless,              ServedTermless),
    (Follows,        AtOnce,     Http500("not_leader"),       Internal("not_leader")),
    (NoLeader,       AtOnce,     Http500("no_leader"),        Internal("no_leader")),
    (Warms,          AtOnce,     Http500("warming"),          Internal("warming")),
    (Drains,         AtOnce,     Http500("draining"),         Internal("draining")),
    (LostBeforeHead, AtOnce,     ServedTermless,              ServedTermless),
    (LostAfterHead,  AtOnce,     ServedTermless,              ServedTermless),
    (Stopped,        AtOnce,     Http500("stopped"),          Internal("stopped")),
];

#[rustfmt::skip]
const MIN_REMAINING: &[Row] = &[
    (Expires,        AtOnce,     Http500("no_leader"),        Internal("no_leader")),
];

fn front(spot: &Spot<'_>) -> Front {
    let layer = LeaderOnlyLayer::new(spot.handle.clone());
    let layer = match spot.setting() {
        Setting::MinRemaining => layer.min_remaining(MIN),
        _ => layer,
    };
    // The router's error type is `Infallible`, which cannot hold `NotLeader`.
    let gate = ServiceBuilder::new()
        .layer(layer.fail())
        .layer(MapErrLayer::new(BoxError::from as fn(Infallible) -> _));
    if spot.cell.protocol.is_grpc() {
        spot.grpc_server(
            ServiceBuilder::new()
                .map_err(over_grpc as fn(_) -> _)
                .layer(gate),
        )
    } else {
        spot.http(
            ServiceBuilder::new()
                .layer(HandleErrorLayer::new(over_http))
                .layer(gate),
        )
    }
}

async fn over_http(error: BoxError) -> (StatusCode, String) {
    (
        StatusCode::INTERNAL_SERVER_ERROR,
        format!("failed: {error}"),
    )
}

fn over_grpc(error: BoxError) -> Status {
    Status::internal(format!("failed: {error}"))
}

#[tokio::test]
async fn every_cell() {
    FAIL.check(104).await;
}
