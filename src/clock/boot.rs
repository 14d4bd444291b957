use super::moment::Moment;

/// Reads `CLOCK_BOOTTIME`, which includes suspended time.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[allow(
    clippy::disallowed_methods,
    reason = "this is the place that reads time"
)]
#[inline]
pub(super) fn now() -> Moment {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    // Both fields are non-negative: the clock starts at boot.
    let nanos = time.tv_sec.cast_unsigned() * 1_000_000_000;
    #[allow(clippy::unnecessary_cast, reason = "c_long on 32-bit targets")]
    Moment::from_nanos(nanos + (time.tv_nsec as i64).cast_unsigned())
}

/// Reads `std::time::Instant`, relative to the first call. Whether it includes suspended time depends on the operating
/// system.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[allow(
    clippy::disallowed_methods,
    reason = "this is the place that reads time"
)]
#[inline]
pub(super) fn now() -> Moment {
    use std::{sync::OnceLock, time::Instant};

    static START: OnceLock<Instant> = OnceLock::new();
    let nanos = START.get_or_init(Instant::now).elapsed().as_nanos();
    // A deadline of zero means "passed", so no moment may be zero.
    Moment::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX).saturating_add(1))
}
