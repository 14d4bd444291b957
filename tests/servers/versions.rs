//! A smoke test on the oldest, an intermediate and the newest supported server.

use noleader_fixture::Server;

use crate::support::{Watchman, candidate, elected, ended, follows, start};

async fn smoke(version: &str) {
    let mut server = Server::builder().version(version).start().await.unwrap();
    let client = server.client().await.unwrap();
    assert_eq!(client.server_info().version, version);
    let a = start(&server, candidate("a")).await;
    let first = elected(&a).await;
    let b = start(&server, candidate("b")).await;
    follows(&b, "a").await;
    let watchman = Watchman::over(&[&a, &b]);
    a.step_down().await.unwrap();
    let second = elected(&b).await;
    assert!(second.token() > first.token());

    server.kill();
    ended(&second).await;
    server.restart().await.unwrap();
    let third = tokio::select! {
        term = elected(&a) => term,
        term = elected(&b) => term,
    };
    assert!(third.token() > second.token());
    let context = async_nats::jetstream::new(client);
    let bucket = context.get_key_value("elections").await.unwrap();
    bucket.delete("writer").await.unwrap();
    ended(&third).await;
    assert!(watchman.dismiss().await > 0);
}

#[tokio::test]
async fn nats_server_2_10_25() {
    smoke("2.10.25").await;
}

#[tokio::test]
async fn nats_server_2_12_8() {
    smoke("2.12.8").await;
}

#[tokio::test]
async fn nats_server_2_15_1() {
    smoke("2.15.1").await;
}
