use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};

use crate::{
    clock::{Clock, Moment},
    error::{self, BoxError},
    lease::Outcome,
    shards::protocol::{Input, Key},
    store::{self, ShardStore, StoreError, WriteError},
};

const TOO_LATE: &str =
    "the process was paused for longer than a request may take; nothing was sent";

/// The requests to the store in progress. The protocol bounds their number.
pub(super) struct Requests<S> {
    store: Arc<S>,
    clock: Clock,
    in_progress: FuturesUnordered<Pin<Box<dyn Future<Output = Answer> + Send>>>,
}

/// The outcome of a request.
pub(super) struct Answer {
    pub(super) input: Input,
    pub(super) error: Option<BoxError>,
}

impl Answer {
    /// Whether the request failed because the store is closed.
    pub(super) fn is_closed(&self) -> bool {
        let error = self.error.as_deref();
        error.is_some_and(|error| matches!(error::find(error), Some(StoreError::Closed)))
    }
}

/// A write, and the last instant at which it may be sent. After a pause, its record could otherwise be applied although
/// its sender has long done something else.
pub(super) struct Write {
    pub(super) attempt: u64,
    pub(super) key: Key,
    pub(super) expected: u64,
    pub(super) value: Vec<u8>,
    pub(super) removed_after: Option<Duration>,
}

impl<S: ShardStore> Requests<S> {
    pub(super) fn new(store: Arc<S>, clock: Clock) -> Self {
        Self {
            store,
            clock,
            in_progress: FuturesUnordered::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.in_progress.is_empty()
    }

    /// Reads a key. Without a response by `due`, the read has failed.
    pub(super) fn read(&self, due: Moment, attempt: u64, key: &Key) {
        let (store, clock, key) = (self.store.clone(), self.clock.clone(), key.to_string());
        let sent_at = clock.now();
        self.in_progress.push(Box::pin(async move {
            let unanswered = || {
                let waited = clock.now().saturating_since(sent_at);
                store.unanswered(store::Request::Read, &key, waited)
            };
            let read = tokio::select! {
                biased;
                read = store.read(&key) => read,
                () = clock.sleep_until(due) => Err(unanswered()),
            };
            let (seen, error) = match read {
                Ok(seen) => (Some(seen), None),
                Err(error) => (None, Some(BoxError::from(error))),
            };
            Answer {
                input: Input::Read { attempt, seen },
                error,
            }
        }));
    }

    /// Writes a key. Without a response by `due`, the outcome is unknown.
    pub(super) fn write(&self, due: Moment, write: Write) {
        let (store, clock) = (self.store.clone(), self.clock.clone());
        let sent_at = clock.now();
        let Write {
            attempt,
            key,
            expected,
            value,
            removed_after,
        } = write;
        self.in_progress.push(Box::pin(async move {
            let key = key.to_string();
            let unanswered = || {
                let waited = clock.now().saturating_since(sent_at);
                WriteError::Unknown(store.unanswered(store::Request::Write, &key, waited))
            };
            let written = match clock.now() < due {
                true => tokio::select! {
                    biased;
                    written = store.write(&key, expected, value, removed_after) => written,
                    () = clock.sleep_until(due) => Err(unanswered()),
                },
                false => Err(WriteError::Failed(StoreError::Request(TOO_LATE.into()))),
            };
            let (outcome, error) = match written {
                Ok(revision) => (Outcome::Acknowledged(revision), None),
                Err(WriteError::Conflict) => (Outcome::Conflict, None),
                Err(error @ WriteError::Failed(_)) => (Outcome::Failed, Some(error.into())),
                Err(error @ WriteError::Unknown(_)) => (Outcome::Unknown, Some(error.into())),
            };
            Answer {
                input: Input::Written { attempt, outcome },
                error,
            }
        }));
    }

    /// Waits for the next outcome, if there is a request. Cancel safe.
    pub(super) async fn answered(&mut self) -> Option<Answer> {
        self.in_progress.next().await
    }
}
