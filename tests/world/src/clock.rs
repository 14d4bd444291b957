//! Real time, in nanoseconds since the start of the run, and the clocks of the nodes, which deviate from it.

use noleader::clock::Moment;

pub(crate) const MICROSECOND: u64 = 1_000;
pub(crate) const MILLISECOND: u64 = 1_000_000;

/// What a right wall clock shows at the start of a run, in milliseconds since 1970.
pub(crate) const WALL_START: u64 = 1_800_000_000_000;

const MILLION: u64 = 1_000_000;

/// A node's clock. It starts at any time, and is faster than real time by its own rate, which may change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// The real time from which it runs at this rate, and the time that it showed then.
    since: u64,
    shown: u64,
    rate: u64,
}

impl Clock {
    /// A clock that is fast by `ppm` millionths.
    pub(crate) fn new(offset: u64, ppm: u64) -> Self {
        Self {
            since: 0,
            shown: offset,
            rate: MILLION + ppm,
        }
    }

    /// From now on it is fast by `ppm` millionths.
    pub(crate) fn change_rate(&mut self, now: u64, ppm: u64) {
        *self = Self {
            since: now,
            shown: self.local(now).as_nanos(),
            rate: MILLION + ppm,
        };
    }

    /// The time that it shows at the real time `at`, which is not before the last change of its rate.
    pub(crate) fn local(&self, at: u64) -> Moment {
        Moment::from_nanos(self.shown + (at - self.since) * self.rate / MILLION)
    }

    /// The first real time at which it shows `moment` or a later time. It is exact, because a gate with this deadline
    /// is open until this nanosecond and closed in it.
    pub(crate) fn real(&self, moment: Moment) -> u64 {
        let left = moment.as_nanos().saturating_sub(self.shown);
        let left = (u128::from(left) * u128::from(MILLION)).div_ceil(u128::from(self.rate));
        self.since + u64::try_from(left).unwrap_or(u64::MAX / 2)
    }
}

#[test]
fn deadline_rounds_up_to_the_next_nanosecond() {
    let mut rng = fastrand::Rng::with_seed(1);
    for _ in 0..10_000 {
        let offset = rng.u64(0..1 << 50);
        let mut clock = Clock::new(offset, rng.u64(0..200_000));
        let now = rng.u64(0..1 << 40);
        clock.change_rate(now, rng.u64(0..200_000));
        let deadline = clock.local(now) + std::time::Duration::from_nanos(rng.u64(1..1 << 40));
        let at = clock.real(deadline);
        assert!(clock.local(at) >= deadline && clock.local(at - 1) < deadline);
    }
}
