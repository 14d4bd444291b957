use std::{
    collections::BTreeMap,
    future::Future,
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    task::{Context, Poll, Waker},
    time::Duration,
};

use super::{moment::Moment, wall::WallTime};
use crate::sync::AtomicU64;

/// A clock that stands still until it is advanced, for tests.
///
/// Clones share one time. Pass a clone to [`Builder::clock`](crate::Builder::clock). Everything in the crate that waits
/// for a time then waits for this clock: the background task, held requests, time limits and work loops.
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
    timers: Arc<Mutex<Timers>>,
    /// What the wall clock showed when it was set, and when that was.
    wall: Arc<Mutex<Option<(WallTime, Moment)>>>,
}

/// The wakers of the tasks that sleep.
#[derive(Debug, Default)]
struct Timers {
    by_time: BTreeMap<Key, Waker>,
    /// The number of timers that there ever were.
    count: u64,
}

/// When a timer is due, and a number that distinguishes it from others that are due then.
type Key = (Moment, u64);

impl FakeClock {
    /// Creates a clock that shows one hour after its start.
    #[must_use]
    pub fn new() -> Self {
        Self {
            nanos: Arc::new(AtomicU64::new(3_600_000_000_000)),
            timers: Arc::default(),
            wall: Arc::default(),
        }
    }

    /// The time that this clock shows.
    #[must_use]
    pub fn now(&self) -> Moment {
        Moment::from_nanos(self.nanos.load(Ordering::SeqCst))
    }

    /// Advances the time, and wakes the tasks that sleep on this clock and are due.
    ///
    /// The woken tasks do not run inside this call. On a current-thread runtime, they run at the caller's next `await`.
    pub fn advance(&self, by: Duration) {
        self.advance_silently(by);
        // Without the lock: the code of a waker may drop tasks that sleep on this clock.
        let due = self.timers().take_due(self.now());
        for waker in due {
            waker.wake();
        }
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

    /// Sets the wall clock to `unix_ms` milliseconds since 1970. It then advances together with this clock.
    ///
    /// Until it is set, tokens contain no time: the token of a term is the revision of its first write, or one more
    /// than the highest token known.
    pub fn set_wall(&self, unix_ms: u64) {
        let set = (WallTime::from_unix_ms(unix_ms), self.now());
        *self.lock_wall() = Some(set);
    }

    pub(super) fn wall(&self) -> Option<WallTime> {
        let (shown, at) = (*self.lock_wall())?;
        Some(shown.after(self.now().saturating_since(at)))
    }

    fn lock_wall(&self) -> MutexGuard<'_, Option<(WallTime, Moment)>> {
        self.wall.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The earliest time for which a task sleeps on this clock, if one does.
    ///
    /// Advance the clock to this time to reach the next event without a guess.
    #[must_use]
    pub fn next_timer(&self) -> Option<Moment> {
        let timers = self.timers();
        timers.by_time.keys().next().map(|(moment, _)| *moment)
    }

    pub(super) fn sleep_until(&self, moment: Moment) -> FakeSleep {
        FakeSleep {
            clock: self.clone(),
            moment,
            key: None,
        }
    }

    fn timers(&self) -> MutexGuard<'_, Timers> {
        self.timers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for FakeClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Timers {
    fn add(&mut self, moment: Moment, waker: Waker) -> Key {
        self.count += 1;
        let key = (moment, self.count);
        self.by_time.insert(key, waker);
        key
    }

    fn take_due(&mut self, now: Moment) -> impl Iterator<Item = Waker> + use<> {
        // No timer has this number yet.
        let later = self.by_time.split_off(&(now, u64::MAX));
        mem::replace(&mut self.by_time, later).into_values()
    }
}

/// Sleeps until a [`FakeClock`] shows a time.
pub(super) struct FakeSleep {
    clock: FakeClock,
    moment: Moment,
    key: Option<Key>,
}

impl FakeSleep {
    fn unregister(&mut self) {
        if let Some(key) = self.key.take() {
            // Dropped without the lock, as in `advance`.
            let waker = self.clock.timers().by_time.remove(&key);
            drop(waker);
        }
    }
}

impl Future for FakeSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.unregister();
        if self.clock.now() >= self.moment {
            return Poll::Ready(());
        }
        let key = self.clock.timers().add(self.moment, cx.waker().clone());
        self.key = Some(key);
        // The clock may have been advanced on another thread before the timer was registered.
        if self.clock.now() >= self.moment {
            self.unregister();
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl Drop for FakeSleep {
    fn drop(&mut self) {
        self.unregister();
    }
}

#[cfg(test)]
mod tests {
    use std::task::Wake;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn advance_saturates() {
        let clock = FakeClock::new();
        clock.advance(Duration::MAX);
        clock.advance(SECOND);
        assert_eq!(clock.now(), Moment::from_nanos(u64::MAX - 1));
    }

    #[test]
    fn the_wall_clock_advances_once_it_is_set() {
        let clock = FakeClock::new();
        assert_eq!(clock.wall(), None);
        clock.set_wall(1_800_000_000_000);
        clock.advance(SECOND);
        let shown = WallTime::from_unix_ms(1_800_000_001_000);
        assert_eq!(clock.wall(), Some(shown));
        assert_eq!(clock.clone().wall(), Some(shown));
    }

    #[tokio::test]
    async fn a_sleeper_wakes_at_its_moment() {
        let clock = FakeClock::new();
        let wake = clock.now() + SECOND * 2;
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock.sleep_until(wake).await;
                clock.now()
            }
        });
        tokio::task::yield_now().await;
        clock.advance(SECOND);
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(SECOND);
        assert_eq!(sleeper.await.unwrap(), wake);
    }

    #[test]
    fn only_due_sleepers_wake() {
        let clock = FakeClock::new();
        let sleep = |seconds| {
            let sleep = clock.sleep_until(clock.now() + SECOND * seconds);
            let mut sleep = tokio_test::task::spawn(sleep);
            tokio_test::assert_pending!(sleep.poll());
            sleep
        };
        let (early, mut late) = (sleep(2), sleep(3));
        assert_eq!(clock.next_timer(), Some(clock.now() + SECOND * 2));
        clock.advance_silently(SECOND * 2);
        assert!(!early.is_woken());
        clock.advance(Duration::ZERO);
        assert!(early.is_woken() && !late.is_woken());
        assert_eq!(clock.next_timer(), Some(clock.now() + SECOND));
        clock.advance(SECOND);
        assert!(late.is_woken());
        tokio_test::assert_ready!(late.poll());
    }

    /// Drops a sleeper when it is woken, or dropped itself.
    struct Drops(Mutex<Option<FakeSleep>>);

    impl Wake for Drops {
        fn wake(self: Arc<Self>) {
            self.0.lock().unwrap().take();
        }
    }

    #[test]
    fn a_waker_may_drop_another_sleeper() {
        let clock = FakeClock::new();
        for is_woken in [true, false] {
            let mut other = clock.sleep_until(clock.now() + SECOND * 2);
            let mut noop = Context::from_waker(Waker::noop());
            assert!(Pin::new(&mut other).poll(&mut noop).is_pending());
            let waker = Waker::from(Arc::new(Drops(Mutex::new(Some(other)))));
            let mut sleep = clock.sleep_until(clock.now() + SECOND);
            let mut cx = Context::from_waker(&waker);
            assert!(Pin::new(&mut sleep).poll(&mut cx).is_pending());
            drop(waker);
            if is_woken {
                clock.advance(SECOND);
            } else {
                drop(sleep);
            }
            assert_eq!(clock.next_timer(), None);
        }
    }

    #[test]
    fn a_dropped_sleeper_leaves_no_timer() {
        let clock = FakeClock::new();
        let sleep = clock.sleep_until(clock.now() + SECOND);
        let mut sleep = tokio_test::task::spawn(sleep);
        tokio_test::assert_pending!(sleep.poll());
        tokio_test::assert_pending!(sleep.poll());
        assert!(clock.next_timer().is_some());
        drop(sleep);
        assert_eq!(clock.next_timer(), None);
    }
}
