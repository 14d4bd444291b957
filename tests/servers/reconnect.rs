//! Clients that reconnect, as to the next server of a cluster that is upgraded.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use noleader_fixture::Server;
use tokio::time::timeout;

use crate::support::{BOUND, elected, follows, start, steady};

/// No write is sent on a new connection before a read. A follower that is pushed every renewal has no other reason to
/// read, and its first campaign would fail.
#[tokio::test]
async fn a_hand_over_after_a_reconnect_is_not_delayed() {
    let server = Server::start().await.unwrap();
    let long = |id| steady(id).lease(Duration::from_secs(60));
    let a = start(&server, long("a")).await;
    elected(&a).await;
    let client = server.client().await.unwrap();
    let b = long("b").start(client.clone()).await.unwrap();
    follows(&b, "a").await;

    let reads = "$JS.API.STREAM.MSG.GET.KV_elections";
    let listener = server.client().await.unwrap();
    let mut reads = listener.subscribe(reads).await.unwrap();
    listener.flush().await.unwrap();
    client.force_reconnect().await.unwrap();
    let read = timeout(BOUND / 4, reads.next()).await;
    assert!(read.expect("a read after the reconnect").is_some());

    let begun = Instant::now();
    a.step_down().await.unwrap();
    elected(&b).await;
    // A retry pauses for a second at least.
    let took = begun.elapsed();
    assert!(took < Duration::from_millis(900), "{took:?}");
}
