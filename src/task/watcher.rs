use std::{pin::Pin, sync::Arc, time::Duration};

use futures_core::Stream;
use futures_util::{StreamExt, stream};

use crate::{
    clock::{Clock, Moment},
    error,
    store::{LeaseStore, Observation, StoreError, Watch},
};

/// How long to do without a watch after one through which nothing came. Each is a consumer, of which the
/// server has a limited number and which it keeps for a while.
const UNHEARD: Duration = Duration::from_secs(5);

/// A watch of the key that never ends: it is opened again after every error, and when it has gone deaf.
///
/// A watch can be silent for longer than the server (10 s, where writes failed for 6 s), or for ever after
/// its bucket was made again. What reads and acknowledgements show, a working watch shows as well, soon. So
/// one that misses two of them in a row is replaced, unless they are so close together that it may be about
/// to show both.
pub(super) struct Watcher {
    open: Box<dyn Fn(Duration) -> Happenings + Send>,
    happenings: Happenings,
    is_open: bool,
    /// Something has come through the watch that is open.
    is_heard: bool,
    last_pushed: u64,
    missed_since: Option<Moment>,
    /// How far behind a watch may be.
    patience: Duration,
    /// What is wrong with the watches has been told.
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
    pub(super) fn new(
        store: Arc<impl LeaseStore>,
        clock: Clock,
        pause: Duration,
        patience: Duration,
    ) -> Self {
        let open = Box::new(move |wait| happenings(store.clone(), clock.clone(), pause, wait));
        Self {
            happenings: open(Duration::ZERO),
            open,
            is_open: false,
            is_heard: false,
            last_pushed: 0,
            missed_since: None,
            patience,
            told: false,
        }
    }

    /// The next state of the key that is pushed. Cancel safe.
    pub(super) async fn next(&mut self) -> Observation {
        loop {
            match self.happenings.next().await {
                Some(Happening::Opened) => {
                    self.is_open = true;
                    self.is_heard = false;
                    self.missed_since = None;
                }
                Some(Happening::NotOpened(StoreError::Disconnected)) => {
                    // The requests of the candidate meet the same, and tell it.
                }
                Some(Happening::NotOpened(error)) => self.tell(&error::line(&error)),
                Some(Happening::Pushed(seen)) => {
                    self.is_heard = true;
                    self.told = false;
                    self.last_pushed = seen.revision();
                    self.missed_since = None;
                    return seen;
                }
                Some(Happening::Ended) => self.is_open = false,
                // Not reached: the stream has no end.
                None => std::future::pending().await,
            }
        }
    }

    /// Compares the watch with a revision that the key is known to have had at `now`.
    pub(super) fn compare(&mut self, revision: u64, now: Moment) {
        // One that is being opened can have missed nothing. Begun anew each time, it would never be opened
        // where that takes longer than two renewals, nor would it be told why.
        if !self.is_open || revision == 0 || revision == self.last_pushed {
            self.missed_since = None;
        } else if now.saturating_since(*self.missed_since.get_or_insert(now)) >= self.patience {
            tracing::debug!(
                revision,
                last_pushed = self.last_pushed,
                "watch is behind; reopening it"
            );
            if self.is_heard {
                self.reopen();
            } else {
                self.tell("it was opened, and nothing came through it");
                self.reopen_after(UNHEARD);
            }
        }
    }

    pub(super) fn reopen(&mut self) {
        self.reopen_after(Duration::ZERO);
    }

    fn reopen_after(&mut self, wait: Duration) {
        self.is_open = false;
        self.missed_since = None;
        self.happenings = (self.open)(wait);
    }

    /// Tells once in a series what is wrong: the election goes on without a watch, so that nothing else would
    /// show it.
    fn tell(&mut self, error: &str) {
        if !std::mem::replace(&mut self.told, true) {
            tracing::warn!(error, "could not watch the key; polling it instead");
        }
    }
}

/// The first watch is opened after `wait`, another one after about `pause`.
fn happenings(
    store: Arc<impl LeaseStore>,
    clock: Clock,
    pause: Duration,
    wait: Duration,
) -> Happenings {
    Box::pin(stream::unfold(
        (store, clock, None::<Watch>, wait),
        move |(store, clock, mut watch, wait)| async move {
            if !wait.is_zero() {
                let again = clock.now() + wait.mul_f64(0.5 + fastrand::f64());
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
                        tracing::debug!(?ended, "watch ended; reopening it");
                        watch = None;
                        Happening::Ended
                    }
                },
            };
            let wait = match watch {
                Some(_) => Duration::ZERO,
                None => pause,
            };
            Some((happening, (store, clock, watch, wait)))
        },
    ))
}
