//! A bucket in another account, with the exports and imports of docs/nats.md.

use std::fs;

use async_nats::ConnectOptions;
use noleader::store::{JetStreamShards, ShardStore};
use noleader_fixture::Server;

use super::{BUCKET, catch_up, next, record, store_on, write};
use crate::support::LEASE;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/nats.md");

#[tokio::test]
async fn nodes_of_two_accounts_share_a_bucket() {
    let page = fs::read_to_string(PAGE).unwrap();
    let (_, block) = page.split_once("```nats shards-accounts\n").unwrap();
    let accounts = block.split_once("```").unwrap().0;
    let server = Server::builder()
        .config(accounts)
        .credentials("hub", "hub")
        .start()
        .await
        .unwrap();
    let hub = store_on(&server).await;
    let a = write(&hub, "o.1", "a").await;

    let options = ConnectOptions::with_user_and_password("app".into(), "app".into());
    let app = options.connect(server.url()).await.unwrap();
    let app = JetStreamShards::new(app, BUCKET).api_prefix("JS.hub.API");
    app.prepare(LEASE).await.unwrap();
    assert_eq!(app.read("o.1").await.unwrap().revision(), a);
    let mut watch = app.watch(0).await.unwrap();
    catch_up(&mut watch).await;
    let b = write(&app, "o.2", "b").await;
    let c = write(&hub, "o.3", "c").await;
    assert_eq!(
        next(&mut watch).await.unwrap(),
        record(2, "o.2", b, Some("b"))
    );
    assert_eq!(
        next(&mut watch).await.unwrap(),
        record(3, "o.3", c, Some("c"))
    );
}
