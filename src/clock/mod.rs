//! The only reader of time.
//!
//! The crate uses one monotonic clock. On Linux and Android it is `CLOCK_BOOTTIME`, which includes suspended time,
//! because a lease also expires during a suspend. The wall clock enters fencing tokens and the first revision of a new
//! bucket, and decides nothing else.
//!
//! - `boot`: the clock of the operating system; `fake`: a clock for tests.
//! - `moment`: a point in time; `wall`: a reading of the wall clock.

use std::{future::Future, time::Duration};

mod boot;
#[cfg(feature = "test-util")]
mod fake;
mod moment;
mod wall;

#[cfg(feature = "test-util")]
pub use self::fake::FakeClock;
pub use self::{moment::Moment, wall::WallTime};

/// The longest single sleep on the runtime's timers, which do not count suspended time.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// A monotonic clock: the clock of the operating system, or a fake clock in tests.
#[derive(Clone, Debug, Default)]
pub struct Clock(Kind);

#[derive(Clone, Debug, Default)]
enum Kind {
    #[default]
    Boot,
    #[cfg(feature = "test-util")]
    Fake(FakeClock),
}

impl Clock {
    /// The operating system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self(Kind::Boot)
    }

    /// The current time.
    #[inline]
    #[must_use]
    pub fn now(&self) -> Moment {
        match &self.0 {
            Kind::Boot => boot::now(),
            #[cfg(feature = "test-util")]
            Kind::Fake(clock) => clock.now(),
        }
    }

    /// The time on the wall clock. None if a test has not set it.
    #[must_use]
    pub fn wall(&self) -> Option<WallTime> {
        match &self.0 {
            Kind::Boot => Some(wall::now()),
            #[cfg(feature = "test-util")]
            Kind::Fake(clock) => clock.wall(),
        }
    }

    /// Waits until this clock shows `moment`. Cancel safe.
    ///
    /// After a suspend of the machine it may return up to a second late. To act on a deadline, read [`now`](Self::now)
    /// again.
    pub async fn sleep_until(&self, moment: Moment) {
        match &self.0 {
            Kind::Boot => {
                let mut left = moment.saturating_since(boot::now());
                while !left.is_zero() {
                    tokio::time::sleep(left.min(LONGEST_SLEEP)).await;
                    left = moment.saturating_since(boot::now());
                }
            }
            #[cfg(feature = "test-util")]
            Kind::Fake(clock) => clock.sleep_until(moment).await,
        }
    }

    /// Waits until this clock has advanced by `span` since this call. Cancel safe, and as late as
    /// [`sleep_until`](Self::sleep_until).
    pub fn sleep(&self, span: Duration) -> impl Future<Output = ()> + use<> {
        let clock = self.clone();
        let moment = clock.now() + span;
        async move { clock.sleep_until(moment).await }
    }
}

#[cfg(feature = "test-util")]
impl From<FakeClock> for Clock {
    fn from(clock: FakeClock) -> Self {
        Self(Kind::Fake(clock))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_system_clock_advances_during_a_sleep() {
        let clock = Clock::system();
        let wake = clock.now() + Duration::from_millis(5);
        clock.sleep_until(wake).await;
        assert!(clock.now() >= wake);
    }
}
