use std::{future::Future, mem, pin::Pin, time::Duration};

use crate::{
    clock::Clock,
    error::{self, survive},
    lease::Timing,
    names::ElectionName,
    runtime::Runtime,
    store::StoreError,
};

/// How long `start` waits for a store that does not respond.
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest pause between two attempts. A thirtieth of a long lease is longer than anyone waits for a start.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Attempts to prepare the store, until one succeeds.
pub(crate) struct Preparing {
    attempt: Attempt,
    /// Creates the next attempt, after this many failures.
    retry: Box<dyn Fn(u32) -> Attempt + Send>,
    failures: u32,
}

/// One attempt.
pub(crate) type Attempt = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;

impl Preparing {
    pub(crate) fn new(
        attempt: impl Fn() -> Attempt + Send + 'static,
        runtime: &Runtime,
        timing: &Timing,
    ) -> Self {
        let Runtime { clock, random, .. } = runtime.clone();
        let timing = timing.clone();
        let first = attempt();
        let retry = Box::new(move |failures| -> Attempt {
            let mut rng = fastrand::Rng::with_seed(random.seed());
            let pause = timing.retry_after(failures, &mut rng).min(LONGEST_PAUSE);
            let pause = clock.sleep(pause);
            let attempt = attempt();
            Box::pin(async move {
                pause.await;
                attempt.await
            })
        });
        Self {
            attempt: first,
            retry,
            failures: 0,
        }
    }

    /// Attempts until the store is prepared, or returns the error that the task waits out. Call it first.
    ///
    /// # Errors
    ///
    /// What a person has to change, or a store that does not respond for 30 s.
    pub(crate) async fn started(
        &mut self,
        clock: &Clock,
        name: &ElectionName,
    ) -> Result<Option<StoreError>, StoreError> {
        let until = clock.now() + PATIENCE;
        let mut is_logged = false;
        loop {
            match self.attempted().await {
                Ok(()) => return Ok(None),
                Err(error @ StoreError::NoAnswer { .. }) => {
                    if clock.now() >= until {
                        return Err(error);
                    }
                    if !mem::replace(&mut is_logged, true) {
                        log_no_answer(&error, name);
                    }
                }
                Err(error) if error.is_transient() => return Ok(Some(error)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits for the outcome of the next attempt. Cancel safe. Do not call it again after a success.
    pub(crate) async fn attempted(&mut self) -> Result<(), StoreError> {
        let outcome = self.attempt.as_mut().await;
        if outcome.is_err() {
            self.failures = self.failures.saturating_add(1);
            self.attempt = (self.retry)(self.failures);
        }
        outcome
    }
}

fn log_no_answer(error: &StoreError, name: &ElectionName) {
    let error = error::line(error);
    let (bucket, key) = (name.bucket(), name.key());
    survive(|| {
        tracing::warn!(
            bucket,
            key,
            error,
            "no response from the lease store; `start` retries for 30 s"
        );
    });
}
