//! Continuous requests.

use std::{sync::Arc, time::Duration};

use axum::{Router, body::Body, routing::post};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use noleader::{LeaderHandle, LeaderOnlyLayer};
use tokio::time::{sleep, timeout};
use tower::ServiceExt;

use crate::{crowd::Crowd, tally::Tally};

/// The duration of a write.
const WORK: Duration = Duration::from_millis(5);
/// Shorter than a write.
const HASTE: Duration = Duration::from_millis(2);

/// Sends some requests: to a leader, to any candidate, and one that is abandoned before its response.
pub(crate) async fn send(crowd: Arc<Crowd>, tally: Arc<Tally>) {
    if let Some(leader) = crowd.any_leader() {
        if timeout(HASTE, answer(&leader)).await.is_err() {
            tally.given_up.add();
        }
        count(answer(&leader).await, &tally);
    }
    if let Some(anybody) = crowd.handle(crowd.any()) {
        count(answer(&anybody).await, &tally);
    }
}

fn count(answer: StatusCode, tally: &Tally) {
    match answer {
        StatusCode::OK => tally.admitted.add(),
        StatusCode::SERVICE_UNAVAILABLE => tally.refused.add(),
        other => panic!("unexpected status {other}"),
    }
}

/// The status of a node's response, once its body has been read.
async fn answer(node: &LeaderHandle) -> StatusCode {
    let layer = LeaderOnlyLayer::new(node.clone())
        .wait_up_to(WORK)
        .cancel_on_loss();
    let app = Router::new().route("/", post(work)).layer(layer);
    let request = Request::post("/").body(Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    let status = response.status();
    // The body fails if the end of the term cuts it off.
    let _ = response.into_body().collect().await;
    status
}

async fn work() -> &'static str {
    sleep(WORK).await;
    "done"
}
