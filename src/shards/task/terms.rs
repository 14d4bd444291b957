use std::{collections::HashMap, future::Future, pin::Pin};

use futures_util::{
    StreamExt,
    future::{AbortHandle, Aborted, abortable},
    stream::FuturesUnordered,
};
use tokio_util::sync::CancellationToken;

use crate::{
    runtime::Spawner,
    shards::{protocol::Input, shard::Shard},
    task::{Drain, Leaving, WarmUp},
};

type Ending = Pin<Box<dyn Future<Output = Result<Input, Aborted>> + Send>>;

/// What the terms of the shards wait for: warm-ups before their gates open, and admitted requests after they have shut.
#[derive(Default)]
pub(super) struct Terms {
    endings: FuturesUnordered<Ending>,
    by_shard: HashMap<u32, AbortHandle>,
    /// One token for each warm-up that has not ended, also for those that were cancelled.
    warm_ups: HashMap<u32, Vec<CancellationToken>>,
}

impl Terms {
    pub(super) fn is_empty(&self) -> bool {
        self.endings.is_empty()
    }

    /// Starts the warm-up of a shard, once cancelled ones of it have ended.
    pub(super) fn warm_up(&mut self, spawner: &Spawner, warm_up: &WarmUp<Shard>, shard: Shard) {
        let (index, earlier) = (shard.index(), self.warm_ups(shard.index()));
        let mut warming = warm_up.start(spawner, (shard.token().into(), shard), earlier);
        let running = self.warm_ups.entry(index).or_default();
        running.push(warming.ended());
        self.wait(index, async move {
            let (token, ready) = warming.finished().await;
            Input::Warmed {
                shard: index,
                token,
                ready,
            }
        });
    }

    /// Waits for what must end before a shard is freed. Returns the input for it if there is nothing to wait for.
    pub(super) fn drain(&mut self, shard: u32, token: u64, drain: Drain) -> Option<Input> {
        self.forget(shard);
        let mut leaving = Leaving::new(Some(token), self.warm_ups(shard), drain);
        if leaving.is_finished() {
            return Some(Input::Drained { shard, token });
        }
        self.wait(shard, async move {
            let token = leaving.finished().await;
            Input::Drained { shard, token }
        });
        None
    }

    /// Stops waiting, and drops a warm-up.
    pub(super) fn forget(&mut self, shard: u32) {
        if let Some(handle) = self.by_shard.remove(&shard) {
            handle.abort();
        }
    }

    /// Waits for the next end. Cancel safe.
    pub(super) async fn ended(&mut self) -> Option<Input> {
        loop {
            // What was forgotten is aborted.
            if let Ok(input) = self.endings.next().await? {
                return Some(input);
            }
        }
    }

    fn wait(&mut self, shard: u32, ending: impl Future<Output = Input> + Send + 'static) {
        let (ending, handle) = abortable(ending);
        self.endings.push(Box::pin(ending));
        if let Some(earlier) = self.by_shard.insert(shard, handle) {
            earlier.abort();
        }
    }

    fn warm_ups(&mut self, shard: u32) -> Vec<CancellationToken> {
        let Some(running) = self.warm_ups.get_mut(&shard) else {
            return Vec::new();
        };
        running.retain(|ended| !ended.is_cancelled());
        if running.is_empty() {
            self.warm_ups.remove(&shard);
            return Vec::new();
        }
        running.clone()
    }
}
