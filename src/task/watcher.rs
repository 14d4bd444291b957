use std::{pin::Pin, sync::Arc, time::Duration};

use futures_core::Stream;
use futures_util::{StreamExt, stream};

use crate::{
    clock::{Clock, Moment},
    error::{self, survive},
    lease::Input,
    store::{Epoch, LeaseStore, Observation, StoreError, Watch},
};

/// The pause after a watch that delivered nothing. Each watch is a consumer, and the server limits their number and
/// keeps them for a while.
const SILENT_PAUSE: Duration = Duration::from_secs(5);

/// A watch of the key that reopens after every error, and when it falls behind.
///
/// A watch can stay silent after an outage has ended (for 10 s, where writes failed for 6 s), and without end after its
/// bucket was recreated. A working watch soon shows every revision that reads and acknowledgements show. A watch that
/// misses two such revisions in a row is therefore replaced, unless they are so close together that it may still
/// deliver both.
pub(super) struct Watcher {
    open: Box<Open>,
    events: Events,
    is_open: bool,
    /// Whether the open watch has delivered anything.
    has_delivered: bool,
    last_pushed: u64,
    missed_since: Option<Moment>,
    /// How far behind a watch may be.
    patience: Duration,
    /// Whether the current series of failures was logged.
    is_reported: bool,
}

/// An event of one of the watches, which are opened one after the other.
enum Event {
    Opened(Epoch),
    NotOpened(StoreError),
    Pushed(Observation),
    /// The error is none if the connection was lost.
    Ended(Option<StoreError>),
}

type Open = dyn FnMut(Duration) -> Events + Send;

type Events = Pin<Box<dyn Stream<Item = Event> + Send>>;

impl Watcher {
    pub(super) fn new(
        store: Arc<impl LeaseStore>,
        (clock, seed): (Clock, u64),
        pause: Duration,
        patience: Duration,
    ) -> Self {
        let pauses = (pause, (patience * 2).min(SILENT_PAUSE).max(pause));
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut open: Box<Open> = Box::new(move |wait| {
            let jitter = (clock.clone(), rng.fork());
            events(store.clone(), jitter, pauses, wait)
        });
        Self {
            events: open(Duration::ZERO),
            open,
            is_open: false,
            has_delivered: false,
            last_pushed: 0,
            missed_since: None,
            patience,
            is_reported: false,
        }
    }

    /// Waits until a watch is open, or pushes a state of the key. None if the store is closed. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Input> {
        loop {
            match self.events.next().await {
                Some(Event::Opened(epoch)) => {
                    self.is_open = true;
                    self.has_delivered = false;
                    // In a recreated bucket, revisions may be lower.
                    self.last_pushed = 0;
                    self.missed_since = None;
                    let epoch = epoch.created_at();
                    return Some(Input::Watching { epoch });
                }
                Some(Event::NotOpened(
                    StoreError::Disconnected | StoreError::BucketMissing { .. },
                )) => {
                    // The candidate's requests find the same, and log it.
                }
                Some(Event::NotOpened(StoreError::Closed)) => return None,
                Some(Event::NotOpened(error)) => self.report(&error::line(&error)),
                Some(Event::Pushed(seen)) => {
                    self.has_delivered = true;
                    self.is_reported = false;
                    self.last_pushed = self.last_pushed.max(seen.revision());
                    self.missed_since = None;
                    return Some(Input::Pushed(seen));
                }
                Some(Event::Ended(error)) => {
                    self.is_open = false;
                    // Not even the key's current content arrived: the next watch will end in the same way.
                    if let Some(error) = error.filter(|_| !self.has_delivered) {
                        self.report(&error::line(&error));
                    }
                }
                // Unreachable: the stream never ends.
                None => std::future::pending().await,
            }
        }
    }

    /// Compares the watch with a revision that the key had at `now`.
    pub(super) fn compare(&mut self, revision: u64, now: Moment) {
        // A watch that is still opening has missed nothing. If it were abandoned, a watch that takes longer than two
        // renewals to open would never open, and its error would never be logged.
        // A response may be older than the last push.
        if !self.is_open || revision <= self.last_pushed {
            self.missed_since = None;
        } else if now.saturating_since(*self.missed_since.get_or_insert(now)) >= self.patience {
            let last_pushed = self.last_pushed;
            survive(|| {
                tracing::debug!(revision, last_pushed, "watch is behind; reopening it");
            });
            if self.has_delivered {
                self.reopen();
            } else {
                self.report("the watch opened but delivered nothing");
                self.reopen_after(SILENT_PAUSE);
            }
        }
    }

    pub(super) fn reopen(&mut self) {
        self.reopen_after(Duration::ZERO);
    }

    fn reopen_after(&mut self, wait: Duration) {
        self.is_open = false;
        self.missed_since = None;
        self.events = (self.open)(wait);
    }

    /// Logs the first failure of a series. The election continues without a watch, so nothing else would show the
    /// failure.
    fn report(&mut self, error: &str) {
        if !std::mem::replace(&mut self.is_reported, true) {
            survive(|| tracing::warn!(error, "could not watch the key; polling it instead"));
        }
    }
}

/// Opens the first watch after `wait`, and each further watch after about `pause`. A failure may leave a consumer
/// behind, so the pause doubles with each failure in a row, unless there is no connection or no bucket.
fn events(
    store: Arc<impl LeaseStore>,
    jitter: (Clock, fastrand::Rng),
    pause: (Duration, Duration),
    wait: Duration,
) -> Events {
    Box::pin(stream::unfold(
        (store, jitter, None::<Watch>, wait, 0),
        move |(store, mut jitter, mut watch, wait, failures)| async move {
            if !wait.is_zero() {
                let (clock, rng) = &mut jitter;
                clock.sleep(wait.mul_f64(0.5 + rng.f64())).await;
            }
            let event = match &mut watch {
                None => match store.watch().await {
                    Ok(opened) => {
                        let epoch = opened.epoch();
                        watch = Some(opened);
                        Event::Opened(epoch)
                    }
                    Err(error) => Event::NotOpened(error),
                },
                Some(open) => match open.next().await {
                    Some(Ok(seen)) => Event::Pushed(seen),
                    ended => {
                        survive(|| tracing::debug!(?ended, "watch ended; reopening it"));
                        watch = None;
                        let error = ended.and_then(Result::err);
                        Event::Ended(error.filter(|e| !matches!(e, StoreError::Disconnected)))
                    }
                },
            };
            let (wait, failures) = match event {
                Event::Opened(_) => (Duration::ZERO, failures),
                Event::Pushed(_) => (Duration::ZERO, 0),
                // Neither leaves a consumer behind.
                Event::NotOpened(StoreError::Disconnected | StoreError::BucketMissing { .. }) => {
                    (pause.0, failures)
                }
                Event::Ended(_) | Event::NotOpened(_) => {
                    (backed_off(pause, failures), failures.saturating_add(1))
                }
            };
            Some((event, (store, jitter, watch, wait, failures)))
        },
    ))
}

fn backed_off((first, longest): (Duration, Duration), failures: u32) -> Duration {
    first.saturating_mul(1 << failures.min(8)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(feature = "test-util")]
    use crate::{clock::FakeClock, store::Memory};

    #[cfg(feature = "test-util")]
    #[tokio::test]
    async fn an_older_response_is_no_miss() {
        let (store, clock) = (Memory::new(), FakeClock::new());
        store.overwrite("a");
        store.overwrite("b");
        let patience = Duration::from_secs(1);
        let around = (Clock::from(clock.clone()), 0);
        let mut watcher = Watcher::new(Arc::new(store), around, patience, patience);
        let epoch = Epoch::ONLY.created_at();
        assert_eq!(watcher.next().await, Some(Input::Watching { epoch }));
        let Some(Input::Pushed(seen)) = watcher.next().await else {
            panic!("no push");
        };
        assert_eq!(seen.revision(), 2);
        watcher.compare(1, clock.now());
        clock.advance(patience);
        watcher.compare(3, clock.now());
        assert!(watcher.is_open, "one response is ahead of the watch");
        clock.advance(patience);
        watcher.compare(3, clock.now());
        assert!(!watcher.is_open, "two are");
    }

    #[test]
    fn pauses_double_up_to_a_cap() {
        let ms = Duration::from_millis;
        let pause = (ms(100), ms(5000));
        let pauses = [0, 1, 2, 5, 6, u32::MAX].map(|failures| backed_off(pause, failures));
        assert_eq!(pauses, [100, 200, 400, 3200, 5000, 5000].map(ms));
    }
}
