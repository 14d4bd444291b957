use std::future::pending;

use crate::{clock::Moment, store::StoreError, task::Preparing};

/// The preparation of the store: before the task acts, and again after the configuration or the whole bucket was removed.
pub(super) struct Preparation {
    running: Option<Preparing>,
    again: Box<dyn Fn() -> Preparing + Send>,
    /// When it may run again.
    again_at: Moment,
}

impl Preparation {
    pub(super) fn new(again: impl Fn() -> Preparing + Send + 'static) -> Self {
        Self {
            running: None,
            again: Box::new(again),
            again_at: Moment::default(),
        }
    }

    /// Goes on with attempts of which the first has failed.
    pub(super) fn go_on(&mut self, preparing: Preparing) {
        self.running = Some(preparing);
    }

    pub(super) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Prepares the store again, unless that has begun or `again_at` is ahead.
    pub(super) fn run_again(&mut self, now: Moment, again_at: Moment) {
        if self.running.is_none() && now >= self.again_at {
            self.running = Some((self.again)());
            self.again_at = again_at;
        }
    }

    /// Waits for the next attempt, or forever if none is running. Cancel safe.
    pub(super) async fn attempted(&mut self) -> Result<(), StoreError> {
        let attempted = match &mut self.running {
            Some(preparing) => preparing.attempted().await,
            None => pending().await,
        };
        if matches!(attempted, Ok(()) | Err(StoreError::Closed)) {
            self.running = None;
        }
        attempted
    }
}
