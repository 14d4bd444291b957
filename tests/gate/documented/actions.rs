use std::time::Duration;

use axum::{
    BoxError, Router,
    body::Body,
    error_handling::HandleErrorLayer,
    http::{Request, StatusCode},
    response::IntoResponse,
};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use noleader::{LeaderHandle, LeaderOnlyLayer, NotLeader};
use tower::ServiceBuilder;

use crate::{node::LEASE, sharded::Shards};

/// A limit that elapses in the examples which show that.
pub(super) const LIMIT: Duration = Duration::from_millis(100);

pub(super) fn gated(action: &str, handle: &LeaderHandle, app: Router) -> Router {
    let layer = LeaderOnlyLayer::new(handle.clone());
    match action {
        "" => app.layer(layer),
        "no_layer" => app,
        "reveal_leader" => app.layer(layer.reveal_leader(true)),
        "reject_with" => app.layer(layer.reject_with(
            |not_leader: NotLeader, _request: Request<Body>| {
                (StatusCode::MISDIRECTED_REQUEST, format!("{not_leader}\n")).into_response()
            },
        )),
        "redirect" => app.layer(layer.redirect()),
        "forward" | "forward_timeout" => {
            let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
            app.layer(layer.forward(client).forward_timeout(LIMIT))
        }
        "wait_up_to" => app.layer(layer.wait_up_to(LEASE * 2)),
        "wait_in_vain" => app.layer(layer.wait_up_to(LIMIT)),
        "min_remaining" => app.layer(layer.min_remaining(LEASE / 3)),
        "sharded" => {
            let customer = |request: &Request<Body>| {
                let id = request.headers().get("customer")?;
                id.to_str().ok().map(str::to_owned)
            };
            let shards = Shards::new("orders", [handle.clone()]);
            app.layer(LeaderOnlyLayer::sharded(shards, customer))
        }
        "cancel_on_loss" => app.layer(layer.cancel_on_loss()),
        "not_ready" => app.layer(layer.not_ready()),
        "fail" => app.layer(
            ServiceBuilder::new()
                .layer(HandleErrorLayer::new(|error: BoxError| async move {
                    (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n"))
                }))
                .layer(layer.fail())
                .map_err(BoxError::from),
        ),
        other => panic!("unknown action in the page: {other}"),
    }
}
