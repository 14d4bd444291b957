use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;

use super::{
    driver::Driver,
    guarded::{Guarded, InSpan, within},
    handle::LeaderHandle,
    journal::Journals,
    log::Log,
    preparing::{Attempt, Preparing},
    shared::Shared,
    warm_up::WarmUp,
    watcher::Watcher,
};
use crate::{
    error::survive,
    lease::{Candidate, Machine, Timing},
    names::{Address, NodeId},
    runtime::Runtime,
    store::{LeaseStore, StoreError},
};

/// A candidate with valid settings.
pub(crate) struct Start<S> {
    pub(crate) store: Arc<S>,
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

/// A store that could not be prepared yet, and why.
struct Waits(Preparing, StoreError);

impl<S: LeaseStore> Start<S> {
    /// Prepares the store once.
    pub(crate) async fn prepare(&self) -> Result<(), StoreError> {
        self.attempt()().await
    }

    /// Creates attempts to prepare the store.
    fn attempt(&self) -> impl Fn() -> Attempt + Send + 'static {
        let (store, lease, observer) = (self.store.clone(), self.timing.lease, self.observer);
        move || {
            let store = store.clone();
            Box::pin(async move {
                match observer {
                    true => store.prepare_observer(lease).await,
                    false => store.prepare(lease).await,
                }
            })
        }
    }

    /// Prepares the store, and starts the task. If the store's error is transient, the task prepares it.
    pub(crate) async fn start(self) -> Result<LeaderHandle, StoreError> {
        let mut preparing = Preparing::new(self.attempt(), &self.runtime, &self.timing);
        let name = self.store.name();
        let waits = preparing.started(&self.runtime.clock, &name).await?;
        Ok(self.spawn(waits.map(|error| Waits(preparing, error))))
    }

    fn spawn(self, waits: Option<Waits>) -> LeaderHandle {
        let election = self.store.name();
        let span = survive(|| {
            tracing::info_span!(
                "election",
                bucket = election.bucket(),
                key = election.key(),
                id = self.id.as_str(),
            )
        });
        let spawner = self.runtime.spawner.clone();
        let (mut driver, handle) = self.into_parts();
        if let Some(Waits(preparing, error)) = waits {
            within(span.as_ref(), || driver.journal.waits(&error));
            driver.preparing = Some(preparing);
        }
        spawner.spawn(InSpan::new(span, driver.run()));
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
            Box::new(Guarded(Log::new(&election, self.address.clone())))
        });
        let store = self.store;
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
            preparing: None,
            closed: false,
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
                store: Arc::new(Memory::new()),
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
