//! The clients: one customer for each shard. Each sends one order after the other, to all nodes in turn.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use noleader::ShardId;
use reqwest::{Client, StatusCode};
use tokio::{
    sync::{OwnedRwLockWriteGuard, RwLock},
    task::JoinSet,
    time,
};

use crate::{
    log::{Log, Outcome},
    node::SHARDS,
};

/// The pause between two orders of a customer.
const PACE: Duration = Duration::from_millis(50);

/// How long a client waits for a response: longer than a node holds an order.
pub(crate) const PATIENCE: Duration = Duration::from_secs(3);

/// The URLs of the nodes that get orders, as those behind a load balancer.
type Targets = Arc<RwLock<Vec<String>>>;

/// The clients. They end when this is dropped.
pub(crate) struct Load {
    targets: Targets,
    clients: JoinSet<()>,
}

impl Load {
    pub(crate) fn start(urls: Vec<String>, log: &Log) -> Self {
        let (targets, client) = (Targets::new(RwLock::new(urls)), Client::new());
        let customers = (0..SHARDS).map(|index| Customer {
            name: customer_of(ShardId::new(index)),
            shard: ShardId::new(index),
            client: client.clone(),
            targets: targets.clone(),
            log: log.clone(),
        });
        Self {
            clients: customers.map(Customer::send_orders).collect(),
            targets,
        }
    }

    /// Waits for the orders in progress, and holds back all others while the guard lives. The guard changes the
    /// targets.
    pub(crate) async fn hold(&self) -> OwnedRwLockWriteGuard<Vec<String>> {
        self.targets.clone().write_owned().await
    }

    /// Ends the clients, each after the order in progress.
    pub(crate) async fn end(&mut self) {
        let _hold = self.hold().await;
        self.clients.shutdown().await;
    }
}

/// A customer whose orders belong to this shard.
pub(crate) fn customer_of(shard: ShardId) -> String {
    let shards = NonZeroU32::new(SHARDS).unwrap_or(NonZeroU32::MIN);
    let mut names = (0..).map(|number: u64| format!("customer-{number}"));
    let found = names.find(|name| ShardId::of_key(name.as_bytes(), shards) == shard);
    found.unwrap_or_default()
}

struct Customer {
    name: String,
    shard: ShardId,
    client: Client,
    targets: Targets,
    log: Log,
}

impl Customer {
    async fn send_orders(self) {
        let mut turn = self.shard.index() as usize;
        for number in 0_u64.. {
            let order = format!("{}/{number}", self.name);
            // An order that was refused was not executed, so it is sent again. An order whose outcome is unknown is
            // not: it may have been executed.
            loop {
                turn += 1;
                let outcome = self.attempt(&order, turn).await;
                time::sleep(PACE).await;
                if outcome != Outcome::Refused {
                    break;
                }
            }
        }
    }

    async fn attempt(&self, order: &str, turn: usize) -> Outcome {
        let targets = self.targets.read().await;
        let target = &targets[turn % targets.len()];
        let outcome = self.send(target, order).await;
        self.log.record(order, self.shard, outcome);
        outcome
    }

    async fn send(&self, target: &str, order: &str) -> Outcome {
        let url = format!("{target}/customers/{}/orders", self.name);
        let request = self.client.post(url).body(order.to_owned());
        match request.timeout(PATIENCE).send().await {
            Ok(response) => match response.status() {
                StatusCode::CREATED => Outcome::Taken,
                // By the storage, or by the layer.
                StatusCode::CONFLICT | StatusCode::SERVICE_UNAVAILABLE => Outcome::Refused,
                _ => Outcome::Unknown,
            },
            Err(error) if error.is_connect() => Outcome::Refused,
            Err(_) => Outcome::Unknown,
        }
    }
}
