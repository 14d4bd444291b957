//! The rows of a follower: the cost of handling a request, compared with a service that responds at once.

use std::{convert::Infallible, time::Duration};

use axum::{body::Body, response::IntoResponse};
use http::Request;
use noleader::{LeaderHandle, LeaderOnlyLayer, NotLeader};
use tower::{Layer, Service};

use crate::{
    rounds::{Rounds, Row},
    services::{Bare, BareUnit, call, post},
    table::Table,
};

pub(crate) struct Refused {
    default: Row,
    rows: Vec<Row>,
}

impl Table for Refused {
    fn rows(&self) -> &[Row] {
        &self.rows
    }

    fn default_layer(&self) -> Row {
        self.default
    }
}

pub(crate) fn rows(rounds: &mut Rounds, follower: &LeaderHandle) -> Refused {
    let bare = rounds.add("bare", None, || call(&mut Bare, post()));
    let bare_unit = rounds.add("bare, any service", None, || call(&mut BareUnit, ()));
    let gate = || LeaderOnlyLayer::new(follower.clone());
    let closed = |not_leader: NotLeader, _: Request<Body>| not_leader.to_string().into_response();
    let second = Duration::from_secs(1);

    let mut failing = gate().fail().layer(BareUnit);
    let any = rounds.add("any service: `fail`", Some(bare_unit), move || {
        call(&mut failing, ()).expect_err("refused")
    });
    let default = refusing(rounds, "HTTP: a 503", bare, gate());
    let rows = vec![
        any,
        default,
        refusing(
            rounds,
            ".. `reveal_leader`",
            bare,
            gate().reveal_leader(true),
        ),
        refusing(rounds, ".. `reject_with`", bare, gate().reject_with(closed)),
        refusing(rounds, ".. `redirect`", bare, gate().redirect()),
        refusing(
            rounds,
            ".. `forward`, without the hop",
            bare,
            gate().forward(Bare),
        ),
        refusing(
            rounds,
            ".. `wait_up_to`, with a leader known",
            bare,
            gate().wait_up_to(second),
        ),
        refusing(rounds, ".. `cancel_on_loss`", bare, gate().cancel_on_loss()),
    ];
    Refused { default, rows }
}

fn refusing<L>(rounds: &mut Rounds, label: &str, bare: Row, layer: L) -> Row
where
    L: Layer<Bare>,
    L::Service: Service<Request<Body>, Error = Infallible> + 'static,
{
    let mut service = layer.layer(Bare);
    rounds.add(label, Some(bare), move || call(&mut service, post()))
}
