//! Every computation of the protocol with a deadline.
//!
//! The holder counts its lease from before it sent the write ([`Timing::valid_until`]). Other candidates count it from
//! after they received the record ([`Timing::held_until`]). Each uses its own clock, and the guard lies between the two
//! ends. Two gates are therefore never open at once, whatever happens to the messages (Gray and Cheriton, "Leases",
//! 1989).

use std::time::Duration;

use crate::clock::Moment;

/// The minimum time between a holder's deadline and the end of its lease.
pub const MIN_GUARD: Duration = Duration::from_millis(20);

/// The time settings of one candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// How long other candidates honour an acknowledged write.
    pub lease: Duration,
    /// How long before the end of its lease the holder stops.
    pub guard: Duration,
    /// The time between renewals, before jitter.
    pub renew_every: Duration,
    /// How long a request waits for a response. A write without a response has an unknown outcome.
    pub request_timeout: Duration,
    /// How long admitted requests may take to finish after the gate has closed.
    pub drain_timeout: Duration,
    /// The longest random delay before a campaign.
    pub campaign_delay: Duration,
}

impl Timing {
    /// The deadline of a term whose write was sent at `sent_at` and acknowledged.
    #[must_use]
    pub fn valid_until(&self, sent_at: Moment) -> Moment {
        sent_at + self.lease.saturating_sub(self.guard)
    }

    /// The end of another candidate's lease, if its record was first observed at `first_seen`. The lease in the record
    /// counts, not this candidate's own setting.
    #[must_use]
    pub fn held_until(&self, first_seen: Moment, record_lease: Duration) -> Moment {
        first_seen + record_lease
    }

    /// The end of an unknown holder's lease, if the key was first observed without a record at `first_seen`, and the
    /// last record before that named `last_lease`.
    #[must_use]
    pub fn unknown_until(&self, first_seen: Moment, last_lease: Duration) -> Moment {
        first_seen + self.unknown_lease(last_lease)
    }

    /// The lease to assume for an unknown holder.
    #[must_use]
    pub fn unknown_lease(&self, last_lease: Duration) -> Duration {
        self.lease.max(last_lease)
    }

    /// The least of the lease that is left just before a renewal, while the store responds at once. A renewal may be
    /// late by its jitter.
    #[must_use]
    pub fn always_left(&self) -> Duration {
        let late = self.renew_every.mul_f64(1.1);
        self.lease.saturating_sub(self.guard + late)
    }

    /// When to renew next, after a renewal that was sent at `sent_at`. The jitter of ±10 % keeps the leaders on one
    /// server from renewing in step.
    pub fn renew_at(&self, sent_at: Moment, rng: &mut fastrand::Rng) -> Moment {
        sent_at + self.renew_every.mul_f64(0.9 + 0.2 * rng.f64())
    }

    /// A random delay before a campaign, so that a thousand followers do not write at once.
    pub fn campaign_after(&self, rng: &mut fastrand::Rng) -> Duration {
        self.campaign_delay.mul_f64(rng.f64())
    }

    /// How long a follower waits for a push before it reads the key. A holder with a longer `record_lease` may renew
    /// more slowly than this candidate would. The margin covers the jitter of renewals.
    pub fn silence_after(&self, record_lease: Duration, rng: &mut fastrand::Rng) -> Duration {
        let period = self.renew_every.max(record_lease / 3);
        period.mul_f64(1.15 + 0.2 * rng.f64())
    }

    /// The pause before a retry after `failures` in a row. It starts at lease/30 and doubles up to lease/10. It has
    /// "equal jitter": half of it is fixed and half is random.
    pub fn retry_after(&self, failures: u32, rng: &mut fastrand::Rng) -> Duration {
        let floor = self.lease / 30;
        let pause = floor
            .saturating_mul(1 << failures.saturating_sub(1).min(8))
            .min(self.lease / 10);
        pause.mul_f64(0.5 + 0.5 * rng.f64())
    }

    /// How long a former leader does not campaign after a release and `rounds` consecutive failed warm-ups. It starts
    /// at half a lease, which lets even a follower that has to read the key go first. It doubles with each failed
    /// warm-up, up to eight leases.
    #[must_use]
    pub fn cool_down(&self, rounds: u32) -> Duration {
        (self.lease / 2).saturating_mul(1 << rounds.min(4))
    }

    /// How long a release is attempted before the lease is left to expire.
    #[must_use]
    pub fn release_for(&self) -> Duration {
        self.request_timeout * 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing() -> Timing {
        Timing {
            lease: Duration::from_secs(15),
            guard: Duration::from_millis(750),
            renew_every: Duration::from_secs(5),
            request_timeout: Duration::from_millis(2500),
            drain_timeout: Duration::from_secs(5),
            campaign_delay: Duration::from_millis(20),
        }
    }

    const T: Moment = Moment::from_nanos(7_000_000_000);

    #[test]
    fn validity_ends_a_guard_before_the_lease() {
        assert_eq!(timing().valid_until(T), T + Duration::from_millis(14_250));
        assert_eq!(
            timing().held_until(T, Duration::from_secs(2)),
            T + Duration::from_secs(2)
        );
    }

    #[test]
    fn an_unknown_holder_gets_the_longer_lease() {
        assert_eq!(
            timing().unknown_until(T, Duration::ZERO),
            T + Duration::from_secs(15)
        );
        assert_eq!(
            timing().unknown_until(T, Duration::from_secs(60)),
            T + Duration::from_secs(60)
        );
    }

    #[test]
    fn maximum_drift_still_leaves_no_overlap() {
        // The rates of the two clocks differ by the whole bound.
        for (lease_ms, guard_ms, drift) in
            [(15_000, 750, 0.05), (200, 20, 0.05), (60_000, 3_000, 0.05)]
        {
            let timing = Timing {
                lease: Duration::from_millis(lease_ms),
                guard: Duration::from_millis(guard_ms),
                ..timing()
            };
            let holder = timing
                .valid_until(T)
                .saturating_since(T)
                .mul_f64(1.0 + drift);
            let follower = timing.held_until(T, timing.lease).saturating_since(T);
            assert!(holder < follower, "{lease_ms}: {holder:?} {follower:?}");
        }
    }

    #[test]
    fn jitter_stays_inside_its_bounds() {
        let timing = timing();
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..1000 {
            let renewal = timing.renew_at(T, &mut rng).saturating_since(T);
            assert!((4500..=5500).contains(&renewal.as_millis()), "{renewal:?}");
            let silence = timing.silence_after(Duration::ZERO, &mut rng);
            assert!(silence > Duration::from_millis(5500), "{silence:?}");
            assert!(timing.campaign_after(&mut rng) <= Duration::from_millis(20));
        }
    }

    #[test]
    fn retries_back_off_to_a_cap() {
        let timing = timing();
        let mut rng = fastrand::Rng::with_seed(1);
        for (failures, low, high) in [
            (1, 250, 500),
            (2, 500, 1000),
            (3, 750, 1500),
            (u32::MAX, 750, 1500),
        ] {
            let pause = timing.retry_after(failures, &mut rng).as_millis();
            assert!((low..=high).contains(&pause), "{failures}: {pause}");
        }
    }

    #[test]
    fn a_cool_down_doubles_up_to_eight_leases() {
        let seconds = |rounds| timing().cool_down(rounds).as_secs_f64();
        assert_eq!([seconds(0), seconds(1), seconds(2)], [7.5, 15.0, 30.0]);
        assert_eq!(seconds(u32::MAX), 120.0);
    }
}
