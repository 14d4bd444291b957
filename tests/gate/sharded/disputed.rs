//! Two nodes that find different shards for a request, as in a rolling update that changes the key function.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{Router, body::Body};
use http::{Request, Response};
use noleader::{LeaderOnlyLayer, ShardId};
use tokio_test::{assert_pending, task};

use super::cluster::{ADDRESSES, Cluster, app, client, in_path, post, send, text};
use crate::{
    lines::Lines,
    node::{LEASE, soon},
};

const OTHER_SHARD: &str = "the node that forwarded the request found another shard for it; the request was not executed\n";

/// Node `b` leads both shards.
async fn cluster() -> Cluster {
    Cluster::led_by(&[Some(1), Some(1)], &ADDRESSES[..2]).await
}

/// The other one of two shards.
fn other(request: &Request<Body>) -> Option<ShardId> {
    in_path(request).map(|shard| ShardId::new(1 - shard.index()))
}

#[track_caller]
fn is_disputed(response: &Response<Body>) {
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["noleader-reason"], "other_shard");
    assert_eq!(response.headers()["retry-after"], "1");
    assert!(!response.headers().contains_key("noleader-refused"));
}

#[tokio::test(start_paused = true)]
async fn a_request_with_another_shard_is_not_executed() {
    let cluster = cluster().await;
    let (lines, _collecting) = Lines::collect();
    let gate = LeaderOnlyLayer::sharded(cluster.shards(1), other);
    let there = app(1).layer(gate);
    let here = app(0).layer(cluster.gate(0).forward(client(&there)));
    let response = send(&here, post("/shards/0")).await;
    is_disputed(&response);
    assert_eq!(text(response).await, OTHER_SHARD);
    assert_eq!(
        lines
            .with(&["WARN", "another node found a different shard"])
            .len(),
        1
    );
    // Clients of `b` are served.
    assert_eq!(
        text(send(&there, post("/shards/0")).await).await,
        "b leads 1"
    );
}

/// By the other node, which leads the shard that it finds.
#[tokio::test(start_paused = true)]
async fn a_disputed_request_is_not_held_there() {
    let cluster = cluster().await;
    let gate = LeaderOnlyLayer::sharded(cluster.shards(1), other).wait_up_to(LEASE);
    let mut request = post("/shards/0");
    let mark = format!("orders/shards 1 f {} 0", LEASE.as_millis());
    let headers = request.headers_mut();
    headers.insert("noleader-forwarded", mark.parse().unwrap());
    let response = send(&app(1).layer(gate), request).await;
    assert_eq!(response.headers()["noleader-reason"], "other_shard");
    assert_eq!(response.headers()["noleader-refused"], "f");
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_key_there_is_not_executed() {
    let cluster = cluster().await;
    let none = |_: &Request<Body>| None::<ShardId>;
    let gate = || LeaderOnlyLayer::sharded(cluster.shards(1), none);
    for there in [app(1).layer(gate()), app(1).layer(gate().keyless_pass())] {
        let here = app(0).layer(cluster.gate(0).forward(client(&there)));
        is_disputed(&send(&here, post("/shards/0")).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_disputed_request_is_held_until_the_nodes_agree() {
    let cluster = cluster().await;
    let is_updated = Arc::new(AtomicBool::new(false));
    let updated = is_updated.clone();
    let key = move |request: &Request<Body>| match updated.load(Ordering::SeqCst) {
        true => in_path(request),
        false => other(request),
    };
    let there: Router = app(1).layer(LeaderOnlyLayer::sharded(cluster.shards(1), key));
    let gate = cluster.gate(0).wait_up_to(LEASE).forward(client(&there));
    let here = app(0).layer(gate);
    let mut held = task::spawn(send(&here, post("/shards/0")));
    assert_pending!(held.poll());
    cluster.advance(LEASE / 3).await;
    assert_pending!(held.poll());
    is_updated.store(true, Ordering::SeqCst);
    cluster.advance(LEASE / 3).await;
    assert_eq!(text(soon(held).await).await, "b leads 0");
}

/// Another number of shards is another function of the key.
#[tokio::test(start_paused = true)]
async fn another_number_of_shards_is_noticed() {
    let (three, two) = (
        Cluster::led_by(&[Some(1); 3], &ADDRESSES[..2]).await,
        Cluster::led_by(&[Some(0); 2], &ADDRESSES[1..2]).await,
    );
    let key = |request: &Request<Body>| request.uri().path().to_owned();
    let there = app(1).layer(LeaderOnlyLayer::sharded(two.shards(0), key));
    let gate = LeaderOnlyLayer::sharded(three.shards(0), key);
    let here = app(0).layer(gate.forward(client(&there)));
    let (mut agreed, mut disputed) = (0, 0);
    for customer in 0..50 {
        let path = format!("/customers/{customer}");
        let [of_three, of_two] =
            [3, 2].map(|count: u32| ShardId::of_key(path.as_bytes(), count.try_into().unwrap()));
        let response = send(&here, post(&path)).await;
        if of_three == of_two {
            agreed += 1;
            assert_eq!(text(response).await, format!("b leads {of_two}"));
        } else {
            disputed += 1;
            is_disputed(&response);
        }
    }
    assert!(agreed > 0 && disputed > 0);
}

/// The mark of a gate that is not sharded, of the same name, and of no shard.
#[tokio::test(start_paused = true)]
async fn a_mark_without_a_shard_is_refused() {
    let cluster = cluster().await;
    let app = Router::new().fallback(async || ()).layer(cluster.gate(1));
    for (mark, status) in [
        ("orders/shards 1 f 0 0", 200),
        ("orders/shards 1 f 0 1", 503),
        ("orders/shards 1 f 0", 503),
        // Of other shards, whose gate is further inside.
        ("stock/shards 1 f 0 1", 200),
        // Garbage is no mark.
        ("orders/shards 1 f 0 x", 200),
    ] {
        let mut request = post("/shards/0");
        let headers = request.headers_mut();
        headers.insert("noleader-forwarded", mark.parse().unwrap());
        let response = send(&app, request).await;
        assert_eq!(response.status(), status, "{mark}");
        let refused = response.headers().get("noleader-refused");
        assert_eq!(refused.is_some(), status == 503, "{mark}");
    }
}
