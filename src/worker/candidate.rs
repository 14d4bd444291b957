use std::{future::Future, pin::Pin, time::Duration};

use crate::{
    builder::{Builder, StartError},
    store::LeaseStore,
    task::LeaderHandle,
};

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A builder on any store, from which several campaigns can start one after the other.
pub(super) trait Candidate: Send + Sync {
    fn id(&self) -> &str;

    fn drain_timeout(&self) -> Duration;

    fn prepare(&self) -> BoxFuture<'_, Result<(), StartError>>;

    fn start(&self) -> BoxFuture<'_, Result<LeaderHandle, StartError>>;
}

impl<S: LeaseStore + Clone> Candidate for Builder<S> {
    fn id(&self) -> &str {
        self.node_id()
    }

    fn drain_timeout(&self) -> Duration {
        self.longest_drain()
    }

    fn prepare(&self) -> BoxFuture<'_, Result<(), StartError>> {
        Box::pin(self.clone().prepare())
    }

    fn start(&self) -> BoxFuture<'_, Result<LeaderHandle, StartError>> {
        Box::pin(self.clone().start())
    }
}
