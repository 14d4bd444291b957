//! Real time, in nanoseconds since the run began, and the clocks of the nodes, which show something else.

use noleader::clock::Moment;

pub(crate) const MICROSECOND: u64 = 1_000;
pub(crate) const MILLISECOND: u64 = 1_000_000;

const MILLION: u64 = 1_000_000;

/// A node's clock: it began anywhere, and runs faster than real time by a rate of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    offset: u64,
    rate: u64,
}

impl Clock {
    /// A clock that is ahead by `ppm` millionths.
    pub(crate) fn new(offset: u64, ppm: u64) -> Self {
        let rate = MILLION + ppm;
        Self { offset, rate }
    }

    /// What it shows at the real time `at`.
    pub(crate) fn local(&self, at: u64) -> Moment {
        Moment::from_nanos(self.offset + at * self.rate / MILLION)
    }

    /// The first real time at which it shows `moment`, or more. Exactly: a gate with this deadline is open
    /// up to this nanosecond, and not in it.
    pub(crate) fn real(&self, moment: Moment) -> u64 {
        let shown = moment.as_nanos().saturating_sub(self.offset);
        u64::try_from((u128::from(shown) * u128::from(MILLION)).div_ceil(u128::from(self.rate)))
            .unwrap_or(u64::MAX)
    }
}

#[test]
fn a_deadline_is_turned_into_the_first_nanosecond_at_or_after_it() {
    let mut rng = fastrand::Rng::with_seed(1);
    for _ in 0..10_000 {
        let offset = rng.u64(0..1 << 50);
        let clock = Clock::new(offset, rng.u64(0..200_000));
        let deadline = Moment::from_nanos(offset + rng.u64(1..1 << 40));
        let at = clock.real(deadline);
        assert!(clock.local(at) >= deadline && clock.local(at - 1) < deadline);
    }
}
