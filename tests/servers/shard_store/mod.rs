//! The stores of sharded leadership.

mod accounts;
mod connections;
mod contract;
mod many;
mod page;
mod permissions;
mod removal;
mod unfit;
mod writes;

use async_nats::{Client, connection::State};
use futures_util::StreamExt;
use noleader::store::{
    BucketWatch, Delivery, JetStreamShards, Observation, ShardStore, StoreError,
};
use noleader_fixture::{Server, eventually};
use tokio::time::timeout;

use crate::support::{BOUND, LEASE};

const BUCKET: &str = "order_shards";
const STREAM: &str = "KV_order_shards";

/// A store whose bucket exists.
async fn store(client: Client) -> JetStreamShards {
    let store = JetStreamShards::new(client, BUCKET);
    store.prepare(LEASE).await.unwrap();
    store
}

async fn store_on(server: &Server) -> JetStreamShards {
    store(server.client().await.unwrap()).await
}

/// Writes an absent key, and returns its revision.
async fn write(store: &impl ShardStore, key: &str, value: &str) -> u64 {
    store.write(key, 0, value.into(), None).await.unwrap()
}

async fn next(watch: &mut BucketWatch) -> Result<Delivery, StoreError> {
    let next = timeout(BOUND, watch.next()).await;
    next.expect("a delivery within the bound")
        .expect("a delivery or an error")
}

/// The error with which a watch ends, after which it delivers nothing.
async fn end(watch: &mut BucketWatch) -> StoreError {
    loop {
        if let Err(error) = next(watch).await {
            assert!(watch.next().await.is_none());
            return error;
        }
    }
}

/// The next deliveries, up to and with `CaughtUp`.
async fn catch_up(watch: &mut BucketWatch) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    while !matches!(deliveries.last(), Some(Delivery::CaughtUp { .. })) {
        deliveries.push(next(watch).await.unwrap());
    }
    deliveries
}

fn seen(revision: u64, value: Option<&str>) -> Observation {
    Observation::new(revision, value.map(Into::into))
}

fn record(index: u64, key: &str, revision: u64, value: Option<&str>) -> Delivery {
    Delivery::Record {
        index,
        key: key.to_owned(),
        seen: seen(revision, value),
    }
}

async fn state(client: &Client, wanted: State) {
    let reached = async || (client.connection_state() == wanted).then_some(());
    eventually(format!("{wanted:?}"), BOUND, reached)
        .await
        .unwrap();
}
