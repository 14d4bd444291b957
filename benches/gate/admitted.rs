//! The rows of a leader.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::State,
    http::StatusCode,
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use http::{Method, Request};
use noleader::{LeaderHandle, LeaderOnlyLayer, NotLeader, Term};
use tokio::sync::watch;
use tower::{Layer, Service, limit::ConcurrencyLimitLayer};

use crate::{
    rounds::{Rounds, Row},
    services::{Bare, BareUnit, call, post, request},
    table::Table,
};

/// The rows, and the rows that others are compared with.
pub(crate) struct Admitted {
    pub(crate) any: Row,
    pub(crate) http: Row,
    rows: Vec<Row>,
}

impl Table for Admitted {
    fn rows(&self) -> &[Row] {
        &self.rows
    }

    fn default_layer(&self) -> Row {
        self.http
    }
}

pub(crate) fn rows(rounds: &mut Rounds, leader: &LeaderHandle) -> Admitted {
    let bare = rounds.add("bare", None, || call(&mut Bare, post()));
    let bare_unit = rounds.add("bare, any service", None, || call(&mut BareUnit, ()));
    let mut rows = parts(rounds, leader);

    let mut gated = LeaderOnlyLayer::new(leader.clone()).fail().layer(BareUnit);
    let label = "`LeaderOnly`, any service: `fail`";
    let any = rounds.add(label, Some(bare_unit), move || call(&mut gated, ()));
    let gate = LeaderOnlyLayer::new(leader.clone());
    let label = "`LeaderOnly`, HTTP: with the `Term` in the extensions";
    let http = layered(rounds, label, bare, gate);
    rows.extend([any, http]);

    rows.extend(options(rounds, leader, bare));
    rows.extend(others(rounds, leader, bare));
    Admitted { any, http, rows }
}

/// The parts of an admission.
fn parts(rounds: &mut Rounds, leader: &LeaderHandle) -> Vec<Row> {
    let counted = Arc::new(());
    let (asked, admitting) = (leader.clone(), leader.clone());
    let term = leader.term().expect("a current term");
    let bare = rounds.add("extensions", None, post);
    vec![
        rounds.add("an `Arc`, cloned and dropped", None, move || {
            Arc::clone(&counted)
        }),
        rounds.add("`is_leader`", None, move || asked.is_leader()),
        rounds.add("`admit`, without a service", None, move || {
            admitting.admit()
        }),
        rounds.add("a `Term` put into the extensions", Some(bare), move || {
            let mut request = post();
            request.extensions_mut().insert::<Term>(term.clone());
            request
        }),
    ]
}

/// The default layer with one more option.
fn options(rounds: &mut Rounds, leader: &LeaderHandle, bare: Row) -> Vec<Row> {
    let gate = || LeaderOnlyLayer::new(leader.clone());
    let closed = |not_leader: NotLeader, _: Request<Body>| not_leader.to_string().into_response();
    let everything = |request: &Request<Body>| request.uri().path().starts_with('/');
    let second = Duration::from_secs(1);
    vec![
        layered(rounds, ".. `writes_only`", bare, gate().writes_only()),
        layered(
            rounds,
            ".. `when`, by the path",
            bare,
            gate().when(everything),
        ),
        layered(rounds, ".. `not_ready`", bare, gate().not_ready()),
        layered(
            rounds,
            ".. `min_remaining`",
            bare,
            gate().min_remaining(second),
        ),
        layered(
            rounds,
            ".. `reveal_leader`",
            bare,
            gate().reveal_leader(true),
        ),
        layered(rounds, ".. `reject_with`", bare, gate().reject_with(closed)),
        layered(rounds, ".. `redirect`", bare, gate().redirect()),
        layered(rounds, ".. `forward`", bare, gate().forward(Bare)),
        layered(rounds, ".. `wait_up_to`", bare, gate().wait_up_to(second)),
        layered(rounds, ".. `cancel_on_loss`", bare, gate().cancel_on_loss()),
    ]
}

/// Ungated requests, and layers of other crates.
fn others(rounds: &mut Rounds, leader: &LeaderHandle, bare: Row) -> Vec<Row> {
    let mut reads = LeaderOnlyLayer::new(leader.clone())
        .writes_only()
        .layer(Bare);
    let limit = ConcurrencyLimitLayer::new(1024);
    let flagged = from_fn_with_state(leader.subscribe(), by_flag);
    vec![
        rounds.add(
            "a read that `writes_only` lets pass",
            Some(bare),
            move || call(&mut reads, request(Method::GET)),
        ),
        layered(rounds, "tower `ConcurrencyLimit`", bare, limit),
        layered(rounds, "axum `from_fn` with a watch", bare, flagged),
    ]
}

fn layered<L>(rounds: &mut Rounds, label: &str, bare: Row, layer: L) -> Row
where
    L: Layer<Bare>,
    L::Service: Service<Request<Body>, Error = Infallible> + 'static,
{
    let mut service = layer.layer(Bare);
    rounds.add(label, Some(bare), move || call(&mut service, post()))
}

async fn by_flag(
    State(flag): State<watch::Receiver<bool>>,
    request: Request<Body>,
    next: Next,
) -> Result<Response, StatusCode> {
    if *flag.borrow() {
        Ok(next.run(request).await)
    } else {
        Err(StatusCode::SERVICE_UNAVAILABLE)
    }
}
