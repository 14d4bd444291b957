//! `cancel_on_loss` ends the requests of the shard that is lost.

use std::{convert::Infallible, future::pending};

use axum::body::Body;
use http::{Request, Response};
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::{Layer, ServiceExt, service_fn};

use super::cluster::{ADDRESSES, Cluster, post};
use crate::node::LEASE;

#[tokio::test(start_paused = true)]
async fn only_requests_of_the_lost_shard_end() {
    let cluster = Cluster::led_by(&[Some(0), Some(0)], &ADDRESSES[..1]).await;
    let endless = service_fn(|_: Request<Body>| pending::<Result<Response<Body>, Infallible>>());
    let service = cluster.gate(0).cancel_on_loss().layer(endless);
    let requests = ["/shards/0", "/shards/1"].map(post);
    let mut responses = requests.map(|request| task::spawn(service.clone().oneshot(request)));
    for response in &mut responses {
        assert_pending!(response.poll());
    }
    let [lost, kept] = &mut responses;
    let candidate = cluster.candidate(0, 0);
    candidate.store.memory.set_outage(true);
    cluster.advance(LEASE).await;
    assert!(!candidate.handle.is_leader());
    assert!(lost.is_woken() && !kept.is_woken());
    let response = assert_ready_ok!(lost.poll());
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["noleader-reason"], "lost");
    assert_pending!(kept.poll());
    assert!(cluster.candidate(0, 1).handle.is_leader());
}
