//! The permissions of an observer do not allow writes.

use async_nats::{
    Client,
    jetstream::{
        self,
        consumer::{DeliverPolicy, push},
    },
};
use noleader::store::{JetStream, LeaseStore, StoreError, WriteError};
use tokio::time::timeout;

use super::{
    candidate,
    page::{Permissions, connect, server},
};
use crate::support::{BOUND, elected, ended};

/// Asks the server to deliver the record to the key itself, as another way to write it. Returns the error.
async fn echo(client: Client) -> String {
    let config = push::Config {
        name: Some("echo".to_owned()),
        deliver_subject: "$KV.orders.writer".to_owned(),
        filter_subject: "$KV.orders.writer".to_owned(),
        deliver_policy: DeliverPolicy::LastPerSubject,
        ..Default::default()
    };
    let context = jetstream::new(client);
    match context.create_consumer_on_stream(config, "KV_orders").await {
        Ok(_) => panic!("an observer can write the key through a consumer"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn observer_cannot_write_the_key() {
    let roles = ["creator", "observer"].map(|role| (role.to_owned(), Permissions::of(role)));
    let server = server(&roles).await;
    let leader = candidate("orders", "a").start(connect(&server, "creator").await);
    let leader = leader.await.unwrap();
    let term = elected(&leader).await;

    let client = connect(&server, "observer").await;
    let store = JetStream::new(client.clone(), "orders", "writer");
    let revision = store.read().await.unwrap().revision();
    let refused = store.write(revision, b"mine".to_vec()).await.unwrap_err();
    let WriteError::Unknown(StoreError::NoAnswer { subject, .. }) = &refused else {
        panic!("{refused:?}");
    };
    assert_eq!(subject, "$KV.orders.writer");
    let echoed = echo(client.clone()).await;
    assert!(echoed.contains("cycle"), "{echoed}");
    // The flush ensures that the server has handled the publication before the assertions below.
    client
        .publish("$KV.orders.writer", "mine".into())
        .await
        .unwrap();
    client.flush().await.unwrap();

    assert!(term.is_current());
    // Shows that the assertion above can fail: overwriting the key does end the term.
    let admin = jetstream::new(server.client().await.unwrap());
    let bucket = admin.get_key_value("orders").await.unwrap();
    assert_ne!(bucket.get("writer").await.unwrap().unwrap(), "mine");
    bucket.put("writer", "mine".into()).await.unwrap();
    timeout(BOUND, ended(&term)).await.unwrap();
}
