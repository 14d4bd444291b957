//! `writes_only` and `when` decide which requests are gated, and the key by which election.

use axum::body::Body;
use http::Request;
use noleader::{LeaderOnlyLayer, ShardId};

use super::cluster::{ADDRESSES, Cluster, app, in_path, post, send, text};

async fn cluster() -> Cluster {
    Cluster::led_by(&[Some(0), Some(1)], &ADDRESSES[..2]).await
}

fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn reads_pass_whichever_node_leads() {
    let cluster = cluster().await;
    let app = app(0).layer(cluster.gate(0).writes_only());
    for path in ["/shards/0", "/shards/1", "/"] {
        assert_eq!(text(send(&app, get(path)).await).await, "a ungated");
    }
    assert_eq!(text(send(&app, post("/shards/0")).await).await, "a leads 0");
    assert_eq!(send(&app, post("/shards/1")).await.status(), 503);
    assert_eq!(send(&app, post("/")).await.status(), 400);
    let mut upgrade = get("/shards/1");
    let headers = upgrade.headers_mut();
    headers.insert("connection", "upgrade".parse().unwrap());
    headers.insert("upgrade", "websocket".parse().unwrap());
    assert_eq!(send(&app, upgrade).await.status(), 503);
}

/// The closure for the key does not see requests that are not gated.
#[tokio::test(start_paused = true)]
async fn the_key_of_an_ungated_request_is_not_asked_for() {
    let cluster = cluster().await;
    let key = |request: &Request<Body>| -> Option<ShardId> {
        assert_ne!(request.uri().path(), "/health");
        in_path(request)
    };
    let gate = LeaderOnlyLayer::sharded(cluster.shards(0), key)
        .when(|request: &Request<Body>| request.uri().path() != "/health");
    let app = app(0).layer(gate);
    assert_eq!(text(send(&app, post("/health")).await).await, "a ungated");
    assert_eq!(text(send(&app, post("/shards/0")).await).await, "a leads 0");
    assert_eq!(send(&app, post("/shards/1")).await.status(), 503);
}
