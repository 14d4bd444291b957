//! The command and the settings in docs/nats.md.

use std::fs;

use async_nats::jetstream::{
    self,
    stream::{Config, DiscardPolicy},
};
use noleader::store::{JetStreamShards, ShardStore, StoreError};
use noleader_fixture::{PINNED, Server};

use super::{BUCKET, STREAM, store};
use crate::support::LEASE;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/nats.md");

/// The arguments of `nats stream add` on the page.
fn arguments() -> Vec<String> {
    let page = fs::read_to_string(PAGE).unwrap();
    let (_, command) = page.split_once("nats stream add ").unwrap();
    let command = command.split("```").next().unwrap().replace("\\\n", " ");
    command.split_whitespace().map(str::to_owned).collect()
}

/// The stream that the command creates. A flag that is not known here fails the test.
fn stream(arguments: &[String]) -> Config {
    let mut config = Config {
        name: arguments[0].clone(),
        max_messages: -1,
        max_bytes: -1,
        num_replicas: 1,
        allow_direct: true,
        ..Default::default()
    };
    for flag in &arguments[1..] {
        let (flag, value) = flag.split_once('=').unwrap_or((flag, ""));
        match flag {
            "--subjects" => config.subjects = vec![value.trim_matches('\'').to_owned()],
            "--max-msgs-per-subject" => config.max_messages_per_subject = value.parse().unwrap(),
            "--discard" => {
                assert_eq!(value, "new");
                config.discard = DiscardPolicy::New;
            }
            "--replicas" => config.num_replicas = value.parse().unwrap(),
            "--deny-delete" => config.deny_delete = true,
            "--deny-purge" => config.deny_purge = true,
            "--allow-msg-ttl" => config.allow_message_ttl = true,
            "--first-sequence" => {
                assert_eq!(value, "$(date");
                config.first_sequence = Some(1_700_000_000_000);
            }
            // The rest of `date +%s%3N`.
            "+%s%3N)" | "--defaults" => {}
            other => panic!("{other}"),
        }
    }
    config
}

#[tokio::test]
async fn documented_command_creates_what_the_store_creates() {
    let server = Server::builder().version(PINNED).start().await.unwrap();
    let client = server.client().await.unwrap();
    let context = jetstream::new(client.clone());
    let arguments = arguments();
    let mut documented = stream(&arguments);
    assert_eq!(documented.num_replicas, 3, "{arguments:?}");
    documented.num_replicas = 1;
    context.create_stream(documented).await.unwrap();
    let settings = async || {
        let mut config = context
            .get_stream(STREAM)
            .await
            .unwrap()
            .cached_info()
            .config
            .clone();
        assert!(config.first_sequence.take().is_some());
        config.description = None;
        config.metadata.clear();
        config
    };
    let documented = settings().await;
    let _ = store(client.clone()).await;
    context.delete_stream(STREAM).await.unwrap();
    let _ = store(client.clone()).await;
    assert_eq!(settings().await, documented);
}

/// The command in the error is that of the page.
#[tokio::test]
async fn error_names_the_documented_command() {
    let server = Server::start().await.unwrap();
    let store = JetStreamShards::new(server.client().await.unwrap(), BUCKET);
    let error = store.create_bucket(false).prepare(LEASE).await.unwrap_err();
    let StoreError::BucketMissing { command, .. } = error else {
        panic!("{error:?}");
    };
    let named: Vec<_> = command
        .split_whitespace()
        .skip(3)
        .map(str::to_owned)
        .collect();
    let mut documented = arguments();
    documented.retain(|argument| argument != "--replicas=3");
    assert_eq!(named, documented);
}
