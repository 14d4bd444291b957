use std::{pin::Pin, sync::Arc, time::Duration};

use futures_core::Stream;
use futures_util::{StreamExt, stream};

use crate::{
    clock::Clock,
    error::chain,
    store::{LeaseStore, Observation, StoreError, Watch},
};

/// A watch of the key that never ends: it is opened again after every error, and when it has gone deaf.
///
/// A watch can be silent for longer than the server (10 s, where writes failed for 6 s), or for ever after
/// its bucket was made again. What reads and acknowledgements show, a working watch shows as well, so
/// that one that misses two of them in a row is replaced.
pub(super) struct Watcher {
    open: Box<dyn Fn() -> Happenings + Send>,
    happenings: Happenings,
    is_open: bool,
    last_pushed: u64,
    missed: bool,
    /// Why no watch can be opened has been told.
    told: bool,
}

/// What becomes of the watches that are opened one after the other.
enum Happening {
    Opened,
    NotOpened(StoreError),
    Pushed(Observation),
    Ended,
}

type Happenings = Pin<Box<dyn Stream<Item = Happening> + Send>>;

impl Watcher {
    pub(super) fn new(store: Arc<impl LeaseStore>, clock: Clock, pause: Duration) -> Self {
        let open = Box::new(move || happenings(store.clone(), clock.clone(), pause));
        Self {
            happenings: open(),
            open,
            is_open: false,
            last_pushed: 0,
            missed: false,
            told: false,
        }
    }

    /// The next state of the key that is pushed. Cancel safe.
    pub(super) async fn next(&mut self) -> Observation {
        loop {
            match self.happenings.next().await {
                Some(Happening::Opened) => {
                    self.is_open = true;
                    self.told = false;
                }
                Some(Happening::NotOpened(error)) => self.tell(&error),
                Some(Happening::Pushed(seen)) => {
                    self.last_pushed = seen.revision;
                    self.missed = false;
                    return seen;
                }
                Some(Happening::Ended) => self.is_open = false,
                // Not reached: the stream has no end.
                None => std::future::pending().await,
            }
        }
    }

    /// Compares the watch with a revision that the key is known to have had.
    pub(super) fn compare(&mut self, revision: u64) {
        // One that is being opened can have missed nothing. Begun anew each time, it would never be opened
        // where that takes longer than two renewals, nor would it be told why.
        if !self.is_open || revision == 0 || revision == self.last_pushed {
            self.missed = false;
        } else if std::mem::replace(&mut self.missed, true) {
            tracing::debug!(
                revision,
                self.last_pushed,
                "the watch is behind; opening it again"
            );
            self.reopen();
        }
    }

    pub(super) fn reopen(&mut self) {
        self.is_open = false;
        self.missed = false;
        self.happenings = (self.open)();
    }

    /// Tells once in a series why no watch can be opened: the election goes on without one, so that nothing
    /// else would show it.
    fn tell(&mut self, error: &StoreError) {
        // The requests of the candidate meet the same, and tell it.
        if self.told || matches!(error, StoreError::Disconnected) {
            return;
        }
        self.told = true;
        tracing::warn!(
            error = chain(error),
            "the key cannot be watched: its changes are found by reading, which takes longer"
        );
    }
}

fn happenings(store: Arc<impl LeaseStore>, clock: Clock, pause: Duration) -> Happenings {
    Box::pin(stream::unfold(
        (store, clock, None::<Watch>, false),
        move |(store, clock, mut watch, failed)| async move {
            if failed {
                let again = clock.now() + pause.mul_f64(0.5 + fastrand::f64());
                clock.sleep_until(again).await;
            }
            let happening = match &mut watch {
                None => match store.watch().await {
                    Ok(opened) => {
                        watch = Some(opened);
                        Happening::Opened
                    }
                    Err(error) => Happening::NotOpened(error),
                },
                Some(open) => match open.next().await {
                    Some(Ok(seen)) => Happening::Pushed(seen),
                    ended => {
                        tracing::debug!(?ended, "the watch ended; opening it again");
                        watch = None;
                        Happening::Ended
                    }
                },
            };
            let failed = watch.is_none();
            Some((happening, (store, clock, watch, failed)))
        },
    ))
}
