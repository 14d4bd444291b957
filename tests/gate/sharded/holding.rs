//! A request is held for the election of its shard, and not for another.

use std::time::Duration;

use tokio_test::{assert_pending, assert_ready, task};

use super::cluster::{ADDRESSES, Cluster, app, client, post, send, text};
use crate::node::{LEASE, released, settle, soon};

const LONG: Duration = Duration::from_secs(600);

#[tokio::test(start_paused = true)]
async fn a_held_request_is_admitted_when_its_shard_opens() {
    let cluster = Cluster::led_by(&[None, Some(0)], &ADDRESSES[..1]).await;
    let app = app(0).layer(cluster.gate(0).wait_up_to(LONG));
    let mut held = task::spawn(send(&app, post("/shards/0")));
    assert_pending!(held.poll());
    assert_eq!(text(send(&app, post("/shards/1")).await).await, "a leads 1");
    cluster.advance(LEASE).await;
    cluster.elected(0, 0).await;
    assert!(held.is_woken());
    assert_eq!(text(soon(held).await).await, "a leads 0");
}

#[tokio::test(start_paused = true)]
async fn a_hold_ends_with_its_time() {
    let cluster = Cluster::led_by(&[None], &ADDRESSES[..1]).await;
    let app = app(0).layer(cluster.gate(0).wait_up_to(LEASE / 2));
    let mut held = task::spawn(send(&app, post("/shards/0")));
    assert_pending!(held.poll());
    cluster.advance(LEASE / 2).await;
    let response = soon(held).await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["noleader-reason"], "no_leader");
}

#[tokio::test(start_paused = true)]
async fn a_change_of_one_shard_wakes_no_request_of_another() {
    let cluster = Cluster::led_by(&[None, None], &ADDRESSES[..1]).await;
    let app = app(0).layer(cluster.gate(0).redirect().wait_up_to(LONG));
    let mut held = ["/shards/0", "/shards/1"].map(|path| task::spawn(send(&app, post(path))));
    for held in &mut held {
        assert_pending!(held.poll());
    }
    let [first, second] = &mut held;
    let leader = Some("http://x.example");
    cluster.candidate(0, 0).sees_leader(leader).await;
    assert!(first.is_woken() && !second.is_woken());
    assert_eq!(assert_ready!(first.poll()).status(), 307);
    cluster.candidate(0, 1).sees_leader(leader).await;
    assert!(second.is_woken());
    assert_eq!(assert_ready!(second.poll()).status(), 307);
}

/// A renewal ends the wait of a request that needs more of the lease, in its own shard only.
#[tokio::test(start_paused = true)]
async fn a_renewal_wakes_the_requests_of_its_shard() {
    let cluster = Cluster::led_by(&[Some(0), Some(0)], &ADDRESSES[..1]).await;
    let gate = cluster.gate(0).min_remaining(LEASE / 2).wait_up_to(LONG);
    let app = app(0).layer(gate);
    for shard in 0..2 {
        cluster.candidate(0, shard).store.memory.set_outage(true);
    }
    cluster.advance(LEASE * 3 / 4).await;
    let mut held = ["/shards/0", "/shards/1"].map(|path| task::spawn(send(&app, post(path))));
    for held in &mut held {
        assert_pending!(held.poll());
    }
    let [first, second] = &mut held;
    cluster.candidate(0, 0).store.memory.set_outage(false);
    cluster.advance(LEASE / 10).await;
    assert!(first.is_woken() && !second.is_woken());
    assert_eq!(text(assert_ready!(first.poll())).await, "a leads 0");
}

#[tokio::test(start_paused = true)]
async fn one_shard_is_handed_over_while_others_serve() {
    let cluster = Cluster::led_by(&[Some(0), Some(0)], &ADDRESSES[..2]).await;
    let there = app(1).layer(cluster.gate(1).wait_up_to(LONG));
    let gate = cluster.gate(0).wait_up_to(LONG).forward(client(&there));
    let here = app(0).layer(gate);

    let (admission, stepped_down) = cluster.candidate(0, 0).drain().await;
    let mut held = task::spawn(send(&here, post("/shards/0")));
    assert_pending!(held.poll());
    let answer = async |path| text(send(&here, post(path)).await).await;
    assert_eq!(answer("/shards/1").await, "a leads 1");
    drop(admission);
    released(stepped_down).await;
    cluster.elected(1, 0).await;
    assert_eq!(text(soon(held).await).await, "b leads 0");
    assert_eq!(answer("/shards/0").await, "b leads 0");
    assert_eq!(answer("/shards/1").await, "a leads 1");
}

/// A request that is held for the next leader holds up the shutdown of its own election only.
#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_the_requests_of_its_shard() {
    let cluster = Cluster::led_by(&[None, None], &ADDRESSES[..2]).await;
    let app = app(0).layer(cluster.gate(0).redirect().wait_up_to(LONG));
    let mut held = task::spawn(send(&app, post("/shards/0")));
    assert_pending!(held.poll());
    cluster.advance(LEASE / 2).await;
    let [first, second] = [0, 1].map(|shard| {
        let handle = cluster.candidate(0, shard).handle.clone();
        tokio::spawn(async move { handle.shutdown().await })
    });
    settle().await;
    assert!(second.is_finished() && !first.is_finished());
    cluster.advance(LEASE / 2).await;
    cluster.elected(1, 0).await;
    assert_eq!(soon(held).await.status(), 307);
    released(first).await;
}
