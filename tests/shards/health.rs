//! What a node reports.

use http::{Method, Request, StatusCode};
use noleader::{Member, store::MemoryShards};
use noleader_fixture::eventually;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::{BOUND, SHARDS, node, owns};

fn get() -> Request<()> {
    Request::builder()
        .method(Method::GET)
        .uri("/health")
        .body(())
        .unwrap()
}

#[tokio::test]
async fn health_shows_the_session_and_the_shards() {
    let store = MemoryShards::new();
    let a = node(&store, "a").await;
    let (health, live) = (a.health(), a.liveness());
    let joining = health.clone().oneshot(get()).await.unwrap();
    assert_eq!(joining.status(), StatusCode::SERVICE_UNAVAILABLE);
    owns(&a, SHARDS as usize).await;
    let report = health.clone().oneshot(get()).await.unwrap();
    assert_eq!(report.status(), StatusCode::OK);
    let report: Value = serde_json::from_str(report.body()).unwrap();
    assert_eq!(report["status"], "member");
    assert_eq!(report["id"], "a");
    assert_eq!(report["owned"], json!(SHARDS));
    assert_eq!(report["members"], json!(1));
    assert!(report["remaining_ms"].as_u64().unwrap() > 0);

    let mut members = a.members();
    let b = node(&store, "b").await;
    let both = |members: &Vec<Member>| members.iter().map(Member::id).eq(["a", "b"]);
    tokio::time::timeout(BOUND, members.wait_for(both))
        .await
        .unwrap()
        .unwrap();
    b.shutdown().await.unwrap();
    let alone = |members: &Vec<Member>| members.len() == 1;
    tokio::time::timeout(BOUND, members.wait_for(alone))
        .await
        .unwrap()
        .unwrap();

    assert_eq!(
        live.clone().oneshot(get()).await.unwrap().status(),
        StatusCode::OK
    );
    a.shutdown().await.unwrap();
    let stopped = async || {
        let report = health.clone().oneshot(get()).await.unwrap();
        report.body().contains("stopped").then_some(report.status())
    };
    let status = eventually("the end", BOUND, stopped).await.unwrap();
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        live.oneshot(get()).await.unwrap().status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    // The channel closes.
    let closed = async { while members.changed().await.is_ok() {} };
    tokio::time::timeout(BOUND, closed).await.unwrap();
}
