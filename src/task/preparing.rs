use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use crate::{
    lease::Timing,
    runtime::Runtime,
    store::{LeaseStore, StoreError},
};

/// The longest pause between two attempts. A thirtieth of a long lease is longer than anyone waits for a start.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Attempts to prepare the store, until one succeeds.
pub(super) struct Preparing {
    attempt: Attempt,
    /// Creates the next attempt, after this many failures.
    retry: Box<dyn Fn(u32) -> Attempt + Send>,
    failures: u32,
}

type Attempt = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;

impl Preparing {
    pub(super) fn new(
        store: &Arc<impl LeaseStore>,
        runtime: &Runtime,
        timing: &Timing,
        observer: bool,
    ) -> Self {
        let Runtime { clock, random, .. } = runtime.clone();
        let (store, timing) = (store.clone(), timing.clone());
        let attempt = Box::pin(prepare(store.clone(), timing.lease, observer));
        let retry = Box::new(move |failures| -> Attempt {
            let mut rng = fastrand::Rng::with_seed(random.seed());
            let pause = timing.retry_after(failures, &mut rng).min(LONGEST_PAUSE);
            let pause = clock.sleep(pause);
            let attempt = prepare(store.clone(), timing.lease, observer);
            Box::pin(async move {
                pause.await;
                attempt.await
            })
        });
        Self {
            attempt,
            retry,
            failures: 0,
        }
    }

    /// Waits for the outcome of the next attempt. Cancel safe. Do not call it again after a success.
    pub(super) async fn attempted(&mut self) -> Result<(), StoreError> {
        let outcome = self.attempt.as_mut().await;
        if outcome.is_err() {
            self.failures = self.failures.saturating_add(1);
            self.attempt = (self.retry)(self.failures);
        }
        outcome
    }
}

pub(super) async fn prepare(
    store: Arc<impl LeaseStore>,
    lease: Duration,
    observer: bool,
) -> Result<(), StoreError> {
    if observer {
        store.prepare_observer(lease).await
    } else {
        store.prepare(lease).await
    }
}
