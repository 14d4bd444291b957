use std::{future::Future, pin::Pin, sync::Arc};

use crate::{
    clock::Moment,
    error::BoxError,
    lease::{Input, Outcome},
    store::{self, LeaseStore, Observation, StoreError, WriteError},
};

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

    pub(super) fn write(
        store: Arc<impl LeaseStore>,
        now: Moment,
        attempt: u64,
        expected: u64,
        value: Vec<u8>,
    ) -> Self {
        let answer = async move {
            let (outcome, error) = match store.write(expected, value).await {
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
            sent_at: now,
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
