use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;
use tracing::Instrument;

use super::{
    driver::Driver, handle::LeaderHandle, journal::Journals, log::Log, shared::Shared,
    warm_up::WarmUp, watcher::Watcher,
};
use crate::{
    lease::{Candidate, Machine, Timing},
    names::{Address, NodeId},
    runtime::Runtime,
    store::{LeaseStore, StoreError},
};

/// A candidate with valid settings and a prepared store.
pub(crate) struct Start<S> {
    pub(crate) store: S,
    pub(crate) id: NodeId,
    pub(crate) address: Option<Address>,
    pub(crate) timing: Timing,
    pub(crate) observer: bool,
    pub(crate) trust_absent_key: bool,
    pub(crate) lossy_store: bool,
    pub(crate) warm_up: Option<WarmUp>,
    pub(crate) runtime: Runtime,
    pub(crate) journals: Journals,
}

impl<S: LeaseStore> Start<S> {
    pub(crate) async fn prepare(&self) -> Result<(), StoreError> {
        if self.observer {
            self.store.prepare_observer(self.timing.lease).await
        } else {
            self.store.prepare(self.timing.lease).await
        }
    }

    pub(crate) fn spawn(self) -> LeaderHandle {
        let election = self.store.name();
        let span = tracing::info_span!(
            "election",
            bucket = election.bucket(),
            key = election.key(),
            id = self.id.as_str(),
        );
        let spawner = self.runtime.spawner.clone();
        let (driver, handle) = self.into_parts();
        spawner.spawn(driver.run().instrument(span));
        handle
    }

    pub(super) fn into_parts(self) -> (Driver<S>, LeaderHandle) {
        let (shared, publisher) = Shared::new(
            self.store.name(),
            self.id.clone(),
            self.address.clone(),
            self.runtime.clone(),
            self.timing.clone(),
        );
        let journal = self.journals.create(|| {
            let election = self.store.name();
            Box::new(Log::new(&election, self.address.clone()))
        });
        let store = Arc::new(self.store);
        let pause = (self.timing.lease / 20).max(Duration::from_millis(100));
        let patience = self.timing.request_timeout;
        let Runtime { clock, random, .. } = self.runtime;
        let watcher = Watcher::new(store.clone(), (clock, random.seed()), pause, patience);
        let candidate = Candidate {
            id: self.id,
            session: random.uuid().to_string(),
            address: self.address,
            timing: self.timing,
            observer: self.observer,
            warm_up: self.warm_up.is_some(),
            trust_absent_key: self.trust_absent_key,
            lossy_store: self.lossy_store,
        };
        let (sender, commands) = mpsc::unbounded_channel();
        let driver = Driver {
            machine: Machine::new(candidate, random.seed()),
            store,
            shared: shared.clone(),
            publisher,
            commands,
            watcher,
            warm_up: self.warm_up,
            journal,
            follow: None,
            request: None,
            warming: None,
            warm_ups: Vec::new(),
            leaving: None,
            waiting: Vec::new(),
            settled: Vec::new(),
            follow_until: None,
            abandoned: false,
            stopping: false,
        };
        (driver, LeaderHandle::new(shared, sender))
    }
}

#[cfg(all(test, feature = "test-util"))]
mod tests {
    use super::*;
    use crate::{clock::FakeClock, lease::TimeSettings, store::Memory};

    impl Start<Memory> {
        #[allow(clippy::unwrap_used, reason = "the defaults are good")]
        pub(in crate::task) fn for_tests(clock: &FakeClock) -> Self {
            Self {
                store: Memory::new(),
                id: NodeId::parse("node").unwrap(),
                address: None,
                timing: TimeSettings::default().timing().unwrap(),
                observer: false,
                trust_absent_key: false,
                lossy_store: false,
                warm_up: None,
                runtime: Runtime {
                    clock: clock.clone().into(),
                    ..Runtime::default()
                },
                journals: Journals::default(),
            }
        }
    }
}
