use std::{future::Future, pin::Pin, sync::Arc};

use crate::{
    clock::{Clock, Moment},
    error::BoxError,
    lease::{Input, Outcome},
    store::{self, LeaseStore, Observation, StoreError, WriteError},
};

const TOO_LATE: &str =
    "the process was paused for longer than a request may take; nothing was sent";

/// A request to the store in progress.
pub(super) struct Request {
    kind: store::Request,
    sent_at: Moment,
    answer: Pin<Box<dyn Future<Output = Answer> + Send>>,
}

/// The outcome of a request to the store.
pub(super) struct Answer {
    pub(super) input: Input,
    /// A revision of the key that the response shows, or 0.
    pub(super) revision: u64,
    pub(super) error: Option<BoxError>,
}

impl Request {
    pub(super) fn read(store: Arc<impl LeaseStore>, now: Moment, attempt: u64) -> Self {
        let answer = async move {
            let (seen, error) = match store.read().await {
                Ok(seen) => (Some(seen), None),
                Err(error) => (None, Some(BoxError::from(error))),
            };
            Answer {
                revision: seen.as_ref().map_or(0, Observation::revision),
                input: Input::Read { attempt, seen },
                error,
            }
        };
        Self {
            kind: store::Request::Read,
            sent_at: now,
            answer: Box::pin(answer),
        }
    }

    /// A write that is not sent if `send_by` has passed. After a pause, its record could otherwise be applied although
    /// its sender has long done something else.
    pub(super) fn write(
        store: Arc<impl LeaseStore>,
        (clock, send_by): (Clock, Moment),
        (attempt, expected, value): (u64, u64, Vec<u8>),
    ) -> Self {
        let sent_at = clock.now();
        let answer = async move {
            let written = match clock.now() < send_by {
                true => store.write(expected, value).await,
                false => Err(WriteError::Failed(StoreError::Request(TOO_LATE.into()))),
            };
            let (outcome, error) = match written {
                Ok(revision) => (Outcome::Acknowledged(revision), None),
                Err(WriteError::Conflict) => (Outcome::Conflict, None),
                Err(error) => (outcome(&error), Some(BoxError::from(error))),
            };
            let revision = match outcome {
                Outcome::Acknowledged(revision) => revision,
                _ => 0,
            };
            Answer {
                revision,
                input: Input::Written { attempt, outcome },
                error,
            }
        };
        Self {
            kind: store::Request::Write,
            sent_at,
            answer: Box::pin(answer),
        }
    }

    /// Waits for the outcome. Cancel safe, and called once.
    pub(super) async fn answered(&mut self) -> Answer {
        self.answer.as_mut().await
    }

    /// Abandons the request, and returns the error to log.
    pub(super) fn abandon(self, store: &impl LeaseStore, now: Moment) -> StoreError {
        store.unanswered(self.kind, now.saturating_since(self.sent_at))
    }
}

fn outcome(error: &WriteError) -> Outcome {
    match error {
        WriteError::Conflict => Outcome::Conflict,
        WriteError::Failed(_) => Outcome::Failed,
        WriteError::Unknown(_) => Outcome::Unknown,
    }
}

#[cfg(all(test, feature = "test-util"))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{clock::FakeClock, store::Memory};

    #[tokio::test]
    async fn a_write_is_not_sent_after_its_timeout() {
        for (pause_ms, outcome, revision) in [
            (999, Outcome::Acknowledged(1), 1),
            (1_000, Outcome::Failed, 0),
        ] {
            let (store, clock) = (Memory::new(), FakeClock::new());
            let send_by = clock.now() + Duration::from_secs(1);
            let around = (Clock::from(clock.clone()), send_by);
            let mut request = Request::write(Arc::new(store.clone()), around, (1, 0, Vec::new()));
            // The process is paused before the request is first polled.
            clock.advance_silently(Duration::from_millis(pause_ms));
            let answer = request.answered().await;
            let attempt = 1;
            assert_eq!(answer.input, Input::Written { attempt, outcome });
            assert_eq!(answer.error.is_some(), outcome == Outcome::Failed);
            assert_eq!(store.get().revision(), revision);
        }
    }
}
