//! Each shard answers by its own election, and a request without a key by none.

use axum::{body::Body, response::IntoResponse};
use http::{Method, Request, Response, StatusCode};
use noleader::{LeaderOnlyLayer, NotLeader, ShardId};
use tower::{Layer, ServiceExt};

use super::cluster::{ADDRESSES, Cluster, app, client, post, send, text};
use crate::node::{LEASE, soon};

const NO_KEY: &str =
    "the request has no key that decides on its shard; the request was not executed\n";

/// Node `a` leads shard 0, node `b` shard 1, and none leads shard 2.
async fn cluster() -> Cluster {
    Cluster::led_by(&[Some(0), Some(1), None], &ADDRESSES[..2]).await
}

#[track_caller]
fn is_refused(response: &Response<Body>, status: u16, reason: &str) {
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()["noleader-reason"], reason);
}

#[tokio::test(start_paused = true)]
async fn each_shard_has_its_own_leader() {
    let cluster = cluster().await;
    let apps = [0, 1].map(|node| app(node).layer(cluster.gate(node)));
    for (node, shard, served) in [(0, 0, "a leads 0"), (1, 1, "b leads 1")] {
        let path = format!("/shards/{shard}");
        assert_eq!(text(send(&apps[node], post(&path)).await).await, served);
        let response = send(&apps[1 - node], post(&path)).await;
        is_refused(&response, 503, "not_leader");
        assert_eq!(response.headers()["retry-after"], "5");
        is_refused(
            &send(&apps[node], post("/shards/2")).await,
            503,
            "no_leader",
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_leads_to_the_leader_of_the_shard() {
    let cluster = cluster().await;
    let app = app(0).layer(cluster.gate(0).redirect());
    let response = send(&app, post("/shards/1")).await;
    assert_eq!(response.status(), 307);
    let location = &response.headers()["location"];
    assert_eq!(location, "http://b.example:8080/shards/1");
    assert_eq!(send(&app, post("/shards/0")).await.status(), 200);
    is_refused(&send(&app, post("/shards/2")).await, 503, "no_leader");
}

#[tokio::test(start_paused = true)]
async fn a_rejection_names_the_leader_of_the_shard() {
    let cluster = cluster().await;
    let app = app(0).layer(cluster.gate(0).reveal_leader(true));
    let response = send(&app, post("/shards/1")).await;
    assert_eq!(response.headers()["noleader-leader"], "b");
    let response = send(&app, post("/shards/2")).await;
    assert!(!response.headers().contains_key("noleader-leader"));
}

#[tokio::test(start_paused = true)]
async fn a_closure_learns_the_shard() {
    let cluster = cluster().await;
    let describe = |not_leader: NotLeader, _: Request<Body>| {
        let shard = not_leader.shard().map(ShardId::index);
        let text = format!("{shard:?} {}", not_leader.reason());
        (StatusCode::MISDIRECTED_REQUEST, text).into_response()
    };
    let app = app(0).layer(cluster.gate(0).reject_with(describe));
    for (path, answer) in [
        ("/shards/1", "Some(1) not_leader"),
        ("/shards/2", "Some(2) no_leader"),
        ("/", "None no_key"),
    ] {
        assert_eq!(text(send(&app, post(path)).await).await, answer);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_key_is_refused_for_good() {
    let cluster = cluster().await;
    let gate = || cluster.gate(0).wait_up_to(LEASE);
    for app in [
        app(0).layer(gate()),
        app(0).layer(gate().redirect()),
        app(0).layer(gate().forward(client(&app(1)))),
        // There is no such shard.
        app(0).layer(LeaderOnlyLayer::sharded(
            cluster.shards(0),
            |_: &Request<Body>| ShardId::new(3),
        )),
    ] {
        let response = send(&app, post("/")).await;
        is_refused(&response, 400, "no_key");
        assert!(!response.headers().contains_key("retry-after"));
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(text(response).await, NO_KEY);

        let mut head = post("/");
        *head.method_mut() = Method::HEAD;
        let response = send(&app, head).await;
        is_refused(&response, 400, "no_key");
        assert_eq!(text(response).await, "");
    }
}

#[tokio::test(start_paused = true)]
async fn keyless_requests_pass_where_the_user_says_so() {
    let cluster = cluster().await;
    for gate in [cluster.gate(0), cluster.gate(1)] {
        let app = app(0).layer(gate.keyless_pass());
        assert_eq!(text(send(&app, post("/")).await).await, "a ungated");
    }
    let app = app(0).layer(cluster.gate(0).keyless_pass());
    is_refused(&send(&app, post("/shards/1")).await, 503, "not_leader");
    // A shard that does not exist is no missing key.
    is_refused(&send(&app, post("/shards/3")).await, 400, "no_key");
}

#[tokio::test(start_paused = true)]
async fn min_remaining_is_that_of_the_shard() {
    let cluster = Cluster::led_by(&[Some(0), Some(0)], &ADDRESSES[..1]).await;
    let app = app(0).layer(cluster.gate(0).min_remaining(LEASE / 3));
    let cut_off = cluster.candidate(0, 0);
    cut_off.store.memory.set_outage(true);
    cluster.advance(LEASE * 4 / 5).await;
    assert!(cut_off.handle.is_leader());
    is_refused(&send(&app, post("/shards/0")).await, 503, "no_leader");
    assert_eq!(send(&app, post("/shards/1")).await.status(), 200);
}

/// A permit of the inner service is given back.
#[tokio::test(start_paused = true)]
async fn a_refused_keyless_request_keeps_no_permit() {
    let cluster = cluster().await;
    let limited = tower::limit::ConcurrencyLimit::new(app(0), 1);
    let service = cluster.gate(0).layer(limited);
    let mut first = service.clone();
    let response = first.ready().await.unwrap();
    let response = tower::Service::call(response, post("/"));
    let served = soon(service.oneshot(post("/shards/0"))).await.unwrap();
    assert_eq!(served.status(), 200);
    assert_eq!(response.await.unwrap().status(), 400);
}
