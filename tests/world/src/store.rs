//! The lease store of a process: its requests go through the network of the world.

use std::time::Duration;

use futures_util::stream;
use noleader::{
    lease::{Observation, Outcome},
    names::ElectionName,
    store::{Epoch, LeaseStore, StoreError, Watch, WriteError},
};

use crate::{host::Host, network::Answer};

#[derive(Clone)]
pub(crate) struct Store {
    host: Host,
}

impl Store {
    pub(crate) fn new(host: Host) -> Self {
        Self { host }
    }

    /// The answer to a request, which may never come.
    async fn answer<T>(
        &self,
        send: impl FnOnce(&mut crate::world::World, u64),
        take: impl FnOnce(Answer) -> Option<T>,
    ) -> Option<T> {
        let (sender, answer) = tokio::sync::oneshot::channel();
        self.host.with(|world| {
            let request = world.number();
            world.server.asked(request, sender);
            send(world, request);
        })?;
        match answer.await {
            Ok(answer) => take(answer),
            // A message was lost, so that no answer comes.
            Err(_) => std::future::pending().await,
        }
    }
}

impl LeaseStore for Store {
    fn name(&self) -> ElectionName {
        ElectionName::new("world", "leader")
    }

    /// One attempt in eight is slow, and fails if the server cannot be reached.
    async fn prepare(&self, _lease: Duration) -> Result<(), StoreError> {
        let node = self.host.node;
        let trouble = self.host.with(|world| {
            let is_down = world.is_cut(node) || world.is_down();
            let is_slow = !world.is_smooth(node) && world.choices.one_in(8);
            is_slow.then(|| (world.delay(node), is_down))
        });
        let Some(Some((delay, is_down))) = trouble else {
            return Ok(());
        };
        self.host.sleep(delay).await;
        match is_down {
            true => Err(StoreError::Disconnected),
            false => Ok(()),
        }
    }

    async fn read(&self) -> Result<Observation, StoreError> {
        let node = self.host.node;
        let seen = self
            .answer(
                |world, request| world.send_read(node, request),
                |answer| match answer {
                    Answer::Read(seen) => Some(seen),
                    _ => None,
                },
            )
            .await;
        seen.ok_or(StoreError::Disconnected)
    }

    async fn write(&self, expected: u64, value: Vec<u8>) -> Result<u64, WriteError> {
        let node = self.host.node;
        let outcome = self
            .answer(
                |world, request| world.send_write(node, request, expected, value),
                |answer| match answer {
                    Answer::Written(outcome) => Some(outcome),
                    _ => None,
                },
            )
            .await;
        match outcome {
            Some(Outcome::Acknowledged(revision)) => Ok(revision),
            Some(Outcome::Conflict) => Err(WriteError::Conflict),
            Some(Outcome::Unknown) => Err(WriteError::Unknown(StoreError::Disconnected)),
            Some(Outcome::Failed) | None => Err(WriteError::Failed(StoreError::Disconnected)),
        }
    }

    async fn watch(&self) -> Result<Watch, StoreError> {
        let node = self.host.node;
        let opened = self
            .answer(
                |world, request| world.send_watch(node, request),
                |answer| match answer {
                    Answer::Opened(epoch, changes) => Some((epoch, changes)),
                    _ => None,
                },
            )
            .await;
        let (epoch, changes) = opened.ok_or(StoreError::Disconnected)?;
        let changes = stream::unfold(changes, |mut changes| async move {
            let change = changes.recv().await?;
            Some((change, changes))
        });
        Ok(Watch::new(Epoch::new(epoch), changes))
    }
}
