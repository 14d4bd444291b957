use std::time::{Duration, SystemTime};

/// 2020-01-01 and 2200-01-01, in milliseconds since 1970.
const PLAUSIBLE: std::ops::Range<u64> = 1_577_836_800_000..7_258_118_400_000;

/// A reading of a wall clock, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallTime(u64);

impl WallTime {
    /// The time `ms` milliseconds after the start of 1970, UTC.
    #[must_use]
    pub const fn from_unix_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the start of 1970, UTC.
    #[must_use]
    pub const fn as_unix_ms(self) -> u64 {
        self.0
    }

    /// Whether the clock was set: it shows a time from 2020 to 2199.
    #[must_use]
    pub fn is_plausible(self) -> bool {
        PLAUSIBLE.contains(&self.0)
    }

    #[cfg(feature = "test-util")]
    pub(super) fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(whole_ms(span)))
    }
}

/// Reads the wall clock of the operating system. A time before 1970 is read as 1970.
#[allow(
    clippy::disallowed_methods,
    reason = "this is the place that reads time"
)]
pub(super) fn now() -> WallTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    WallTime(whole_ms(since.unwrap_or_default()))
}

fn whole_ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plausible_times_are_from_2020_to_2199() {
        let is_plausible = |ms| WallTime::from_unix_ms(ms).is_plausible();
        assert!(!is_plausible(0) && !is_plausible(1_577_836_799_999));
        assert!(is_plausible(1_577_836_800_000) && is_plausible(7_258_118_399_999));
        assert!(!is_plausible(7_258_118_400_000) && !is_plausible(u64::MAX));
    }

    #[test]
    fn the_system_shows_a_plausible_time() {
        assert!(now().is_plausible(), "{:?}", now());
    }
}
