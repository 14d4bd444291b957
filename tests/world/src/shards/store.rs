//! The store of a process: its requests go through the network of the world.

use std::time::Duration;

use futures_util::stream;
use noleader::{
    lease::{Observation, Outcome},
    names::ElectionName,
    store::{BucketWatch, Epoch, ShardStore, StoreError, WriteError},
};
use tokio::sync::oneshot;

use super::{
    network::{Answer, Apply},
    world::World,
};
use crate::host::Host;

/// How long a client waits for an answer, in leases. The background task waits for less.
const PATIENCE: u64 = 3;

pub(crate) struct Store(pub(super) Host<World>);

impl Store {
    /// Sends a request, and waits for the answer.
    async fn ask(&self, send: impl FnOnce(&mut World, u64)) -> Option<Answer> {
        let (sender, answer) = oneshot::channel();
        let patience = self.0.with(|world| {
            let request = world.number();
            world.bucket.ask(request, sender);
            send(world, request);
            world.settings.lease() * PATIENCE
        })?;
        let patience = self.0.sleep(patience);
        tokio::select! {
            biased;
            answer = answer => answer.ok(),
            () = patience => None,
        }
    }
}

impl ShardStore for Store {
    fn name(&self) -> ElectionName {
        ElectionName::new("world", "shards")
    }

    /// One attempt in eight is slow, and fails if the server cannot be reached.
    async fn prepare(&self, _lease: Duration) -> Result<(), StoreError> {
        let node = self.0.node;
        let trouble = self.0.with(|world| {
            let is_down = world.is_cut(node) || world.is_down();
            let is_slow = !world.is_calm && world.choices.one_in(8);
            is_slow.then(|| (world.delay(node), is_down))
        });
        let Some(Some((delay, is_down))) = trouble else {
            return Ok(());
        };
        self.0.sleep(delay).await;
        match is_down {
            true => Err(StoreError::Disconnected),
            false => Ok(()),
        }
    }

    async fn read(&self, key: &str) -> Result<Observation, StoreError> {
        let (node, key) = (self.0.node, key.to_owned());
        match self
            .ask(|world, request| world.send_read(node, request, key))
            .await
        {
            Some(Answer::Read(seen)) => Ok(seen),
            _ => Err(StoreError::Disconnected),
        }
    }

    async fn write(
        &self,
        key: &str,
        expected: u64,
        value: Vec<u8>,
        _removed_after: Option<Duration>,
    ) -> Result<u64, WriteError> {
        let Host { node, session, .. } = self.0;
        let apply = |request| Apply {
            node,
            session,
            request,
            key: key.to_owned(),
            expected,
            value,
            is_answered: false,
            is_repeated: false,
        };
        match self
            .ask(|world, request| world.send_write(apply(request)))
            .await
        {
            Some(Answer::Written(Outcome::Acknowledged(revision))) => Ok(revision),
            Some(Answer::Written(Outcome::Conflict)) => Err(WriteError::Conflict),
            Some(Answer::Written(Outcome::Failed) | Answer::Failed) => {
                Err(WriteError::Failed(StoreError::Disconnected))
            }
            _ => Err(WriteError::Unknown(StoreError::Disconnected)),
        }
    }

    async fn watch(&self, after: u64) -> Result<BucketWatch, StoreError> {
        let node = self.0.node;
        match self
            .ask(|world, request| world.send_watch(node, request, after))
            .await
        {
            Some(Answer::Opened(epoch, last, deliveries)) => {
                let deliveries = stream::unfold(deliveries, |mut deliveries| async move {
                    let delivery = deliveries.recv().await?;
                    Some((delivery, deliveries))
                });
                Ok(BucketWatch::new(Epoch::new(epoch), last, deliveries))
            }
            _ => Err(StoreError::Disconnected),
        }
    }
}
