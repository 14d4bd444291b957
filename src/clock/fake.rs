use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::sync::watch;

use super::moment::Moment;
use crate::sync::AtomicU64;

/// A clock that stands still until it is advanced, for tests.
///
/// Clones share one time. Pass a clone to [`Builder::clock`](crate::Builder::clock), and the background task sleeps on
/// this clock too.
///
/// ```
/// use std::time::Duration;
/// use noleader::test_util::FakeClock;
///
/// let clock = FakeClock::new();
/// let start = clock.now();
/// clock.advance(Duration::from_secs(20));
/// assert_eq!(clock.now().saturating_since(start), Duration::from_secs(20));
/// ```
#[derive(Clone, Debug)]
pub struct FakeClock {
    nanos: Arc<AtomicU64>,
    advanced: watch::Sender<()>,
}

impl FakeClock {
    /// Creates a clock that shows one hour after its start.
    #[must_use]
    pub fn new() -> Self {
        Self {
            nanos: Arc::new(AtomicU64::new(3_600_000_000_000)),
            advanced: watch::Sender::new(()),
        }
    }

    /// The time that this clock shows.
    #[must_use]
    pub fn now(&self) -> Moment {
        Moment::from_nanos(self.nanos.load(Ordering::SeqCst))
    }

    /// Advances the time, and wakes the tasks that sleep on this clock.
    ///
    /// The woken tasks do not run inside this call. On a current-thread runtime, they run at the caller's next `await`.
    pub fn advance(&self, by: Duration) {
        self.advance_silently(by);
        self.advanced.send_replace(());
    }

    /// Advances the time without waking any task, as seen by a process that was paused.
    pub fn advance_silently(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        // Saturates below the last moment, which stands for "never".
        let later = |nanos: u64| Some(nanos.saturating_add(by).min(u64::MAX - 1));
        let _ = self
            .nanos
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, later);
    }

    pub(super) async fn sleep_until(&self, moment: Moment) {
        let mut advanced = self.advanced.subscribe();
        while self.now() < moment {
            // Cannot fail, because `self` holds a sender.
            let _ = advanced.changed().await;
        }
    }
}

impl Default for FakeClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advance_saturates() {
        let clock = FakeClock::new();
        clock.advance(Duration::MAX);
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.now(), Moment::from_nanos(u64::MAX - 1));
    }

    #[tokio::test]
    async fn a_sleeper_wakes_at_its_moment() {
        let clock = FakeClock::new();
        let wake = clock.now() + Duration::from_secs(2);
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock.sleep_until(wake).await;
                clock.now()
            }
        });
        tokio::task::yield_now().await;
        clock.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(1));
        assert_eq!(sleeper.await.unwrap(), wake);
    }
}
