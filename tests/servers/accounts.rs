//! A bucket in another account, with the configuration of docs/nats.md.

use std::{fs, time::Duration};

use async_nats::{Client, ConnectOptions};
use noleader::{Builder, LeaderHandle, store::JetStream};
use noleader_fixture::Server;

use crate::{
    lines::Lines,
    support::{Watchman, elected, follows},
};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/nats.md");

/// A follower reads the key every third of a lease. This lease is so long that it sees only what is pushed.
const LONG: Duration = Duration::from_secs(3600);

/// The configuration of the page.
fn page() -> String {
    let page = fs::read_to_string(PAGE).unwrap();
    let (_, block) = page.split_once("```nats accounts\n").unwrap();
    block.split_once("```").unwrap().0.to_owned()
}

async fn server(accounts: &str) -> Server {
    let server = Server::builder().config(accounts);
    server.credentials("hub", "hub").start().await.unwrap()
}

/// A client of the account `APP`, as the page connects it.
async fn app(server: &Server) -> Client {
    let options = ConnectOptions::with_user_and_password("app".into(), "app".into());
    let options = options.custom_inbox_prefix("_INBOX_app");
    options.connect(server.url()).await.unwrap()
}

async fn in_app(server: &Server) -> Builder<JetStream> {
    let store = JetStream::new(app(server).await, "orders", "writer");
    LeaderHandle::with_store(store.api_prefix("JS.hub.API").create_bucket(false)).lease(LONG)
}

/// Starts a candidate of the account `HUB`, which creates the bucket if it does not exist.
async fn in_hub(server: &Server, id: &str) -> LeaderHandle {
    let candidate = LeaderHandle::builder("orders", "writer").id(id).lease(LONG);
    let candidate = candidate.dangerous_trust_absent_key(true);
    let client = server.client().await.unwrap();
    candidate.start(client).await.unwrap()
}

async fn leader_in_hub(server: &Server) -> LeaderHandle {
    let a = in_hub(server, "a").await;
    elected(&a).await;
    a
}

#[tokio::test]
async fn candidates_of_two_accounts_share_one_election() {
    let server = server(&page()).await;
    let a = leader_in_hub(&server).await;
    let (lines, _guard) = Lines::collect();
    let b = in_app(&server).await.id("b").start().await.unwrap();
    let c = in_app(&server)
        .await
        .id("c")
        .observe()
        .start()
        .await
        .unwrap();
    follows(&b, "a").await;
    follows(&c, "a").await;
    a.shutdown().await.unwrap();
    elected(&b).await;
    follows(&c, "b").await;
    let d = in_hub(&server, "d").await;
    follows(&d, "b").await;
    let watchman = Watchman::over(&[&b, &d]);
    b.shutdown().await.unwrap();
    elected(&d).await;
    follows(&c, "d").await;
    assert!(watchman.dismiss().await > 0);
    assert!(lines.with(&[" WARN "]).is_empty(), "{lines}");
}

#[tokio::test]
async fn bucket_is_created_from_another_account() {
    const CREATE: &str = "$JS.API.STREAM.CREATE.KV_orders";
    assert!(fs::read_to_string(PAGE).unwrap().contains(CREATE));
    let export = format!("exports: [\n{{ service: \"{CREATE}\", accounts: [APP] }}\n");
    let import = format!(
        "imports: [\n{{ service: {{ account: HUB, subject: \"{CREATE}\" }}, to: \"{}\" }}\n",
        CREATE.replace("$JS", "JS.hub")
    );
    let accounts = page().replace("exports: [\n", &export);
    let server = server(&accounts.replace("imports: [\n", &import)).await;
    let store = JetStream::new(app(&server).await, "orders", "writer").api_prefix("JS.hub.API");
    let b = LeaderHandle::with_store(store).id("b").lease(LONG);
    let b = b.dangerous_trust_absent_key(true).start().await.unwrap();
    elected(&b).await;
    let a = in_hub(&server, "a").await;
    follows(&a, "b").await;
}

/// Removes the line of the page that contains these parts.
fn without(parts: &[&str]) -> String {
    let page = page();
    let is_removed = |line: &&str| parts.iter().all(|part| line.contains(part));
    assert_eq!(page.lines().filter(is_removed).count(), 1, "{parts:?}");
    let lines = page.lines().filter(|line| !is_removed(line));
    lines.map(|line| format!("{line}\n")).collect()
}

#[tokio::test]
async fn missing_import_is_reported() {
    let failed = "lease store request failed; retrying";
    for (subject, reported) in [
        (
            "STREAM.INFO",
            "no JetStream API responds on `JS.hub.API.STREAM.INFO.KV_orders`",
        ),
        ("STREAM.MSG.GET", failed),
        ("CONSUMER.CREATE", "could not watch the key"),
        ("_INBOX_app", "could not watch the key"),
    ] {
        let server = server(&without(&["account: HUB", subject])).await;
        let _a = leader_in_hub(&server).await;
        let (lines, _guard) = Lines::collect();
        let _b = in_app(&server).await.start().await.unwrap();
        lines.until(&[" WARN ", reported]).await;
    }
}

#[tokio::test]
async fn missing_import_of_the_key_prevents_leading() {
    let server = server(&without(&["account: HUB", "\"$KV.orders.writer\""])).await;
    let a = leader_in_hub(&server).await;
    let (lines, _guard) = Lines::collect();
    let b = in_app(&server).await.id("b").start().await.unwrap();
    follows(&b, "a").await;
    a.shutdown().await.unwrap();
    lines.until(&[" WARN ", "lease store request failed"]).await;
    assert!(!b.is_leader());
}
