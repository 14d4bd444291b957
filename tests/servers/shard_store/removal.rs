//! Records that the server removes after a time.

use std::time::Duration;

use async_nats::{Client, jetstream};
use noleader::store::ShardStore;
use noleader_fixture::{PINNED, Server, eventually};

use super::{STREAM, seen, store, write};
use crate::support::BOUND;

const SECOND: Duration = Duration::from_secs(1);

/// Writes a key that may be removed, and returns the header of its message that says when.
async fn header(client: &Client, store: &impl ShardStore) -> Option<String> {
    let revision = store.write("s.a", 0, b"dead".to_vec(), Some(SECOND * 3600));
    let revision = revision.await.unwrap();
    let stream = jetstream::new(client.clone()).get_stream(STREAM).await;
    let message = stream.unwrap().get_raw_message(revision).await.unwrap();
    let header = message.headers.get("Nats-TTL");
    header.map(ToString::to_string)
}

#[tokio::test]
async fn a_record_is_removed_after_its_time() {
    for version in ["2.11.0", PINNED] {
        let server = Server::builder().version(version).start().await.unwrap();
        let client = server.client().await.unwrap();
        let store = store(client.clone()).await;
        let kept = write(&store, "s.b", "alive").await;
        let dead = store.write("s.c", 0, b"dead".to_vec(), Some(SECOND / 2));
        assert!(dead.await.unwrap() > kept);
        let gone = async || (store.read("s.c").await.unwrap() == seen(0, None)).then_some(());
        eventually("the removal", BOUND, gone).await.unwrap();
        assert_eq!(store.read("s.b").await.unwrap(), seen(kept, Some("alive")));
        // The key is as if it had never been written.
        assert!(write(&store, "s.c", "alive").await > kept);
        assert_eq!(header(&client, &store).await.as_deref(), Some("3600s"));
    }
}

#[tokio::test]
async fn a_server_before_2_11_keeps_the_record() {
    let server = Server::builder().version("2.10.26").start().await.unwrap();
    let client = server.client().await.unwrap();
    let store = store(client.clone()).await;
    assert_eq!(header(&client, &store).await, None);
}

/// The server rejects the header unless the bucket allows it.
#[tokio::test]
async fn a_bucket_without_removal_keeps_the_record() {
    let server = Server::builder().version(PINNED).start().await.unwrap();
    let client = server.client().await.unwrap();
    let context = jetstream::new(client.clone());
    let first = store(client.clone()).await;
    let mut config = context
        .get_stream(STREAM)
        .await
        .unwrap()
        .cached_info()
        .config
        .clone();
    context.delete_stream(STREAM).await.unwrap();
    config.allow_message_ttl = false;
    context.create_stream(config.clone()).await.unwrap();
    let second = store(client.clone()).await;
    assert_eq!(header(&client, &second).await, None);

    // The first store learns of either change when it opens a watch.
    drop(first.watch(0).await.unwrap());
    let kept = first.write("s.b", 0, b"dead".to_vec(), Some(SECOND)).await;
    assert!(kept.is_ok(), "{kept:?}");
    config.allow_message_ttl = true;
    context.update_stream(config).await.unwrap();
    drop(first.watch(0).await.unwrap());
    let dead = first.write("s.c", 0, b"dead".to_vec(), Some(SECOND)).await;
    dead.unwrap();
    let gone = async || (first.read("s.c").await.unwrap() == seen(0, None)).then_some(());
    eventually("the removal", BOUND, gone).await.unwrap();
}
