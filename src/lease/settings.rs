//! The time settings of a user, checked alone and against each other.

use std::time::Duration;

use super::{
    record::{MAX_LEASE, MIN_LEASE},
    validity::{MIN_GUARD, Timing},
};
use crate::error::ConfigError;

/// The shortest time between two renewals.
const MIN_RENEWAL: Duration = Duration::from_millis(10);

/// The largest accepted difference between the rates of two clocks, as a fraction.
const MAX_DRIFT: f64 = 0.5;

/// The time settings of a candidate, as the builder collects them.
#[derive(Clone, Debug)]
pub struct TimeSettings {
    /// How long other nodes wait for a leader that does not renew.
    pub lease: Duration,
    /// The time between renewals. Default: a third of the lease, or less if the other settings require it.
    pub renew_every: Option<Duration>,
    /// By which fraction the rates of two nodes' clocks may differ.
    pub max_clock_drift: f64,
    /// How long admitted requests may take to finish once the gate has closed.
    pub drain_timeout: Duration,
    /// The longest random delay before a campaign.
    pub campaign_delay: Duration,
}

impl Default for TimeSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            renew_every: None,
            max_clock_drift: 0.1,
            drain_timeout: Duration::from_secs(10),
            campaign_delay: Duration::from_millis(20),
        }
    }
}

impl TimeSettings {
    /// Derives the times of the protocol.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] if a setting is out of bounds.
    pub fn timing(&self) -> Result<Timing, ConfigError> {
        self.check_lease()?;
        self.check_drift()?;
        let timing = self.derive();
        self.check_renewal(&timing)?;
        self.check_campaign_delay()?;
        Ok(timing)
    }

    fn derive(&self) -> Timing {
        // Records name the lease in milliseconds.
        let lease =
            Duration::from_millis(u64::try_from(self.lease.as_millis()).unwrap_or(u64::MAX));
        let mut timing = Timing {
            lease,
            guard: lease.mul_f64(self.max_clock_drift).max(MIN_GUARD),
            renew_every: lease / 3,
            request_timeout: lease / 6,
            drain_timeout: self.drain_timeout,
            campaign_delay: self.campaign_delay,
        };
        let most = longest_renewal(&timing);
        timing.renew_every = self.renew_every.unwrap_or(timing.renew_every.min(most));
        timing
    }

    fn check_lease(&self) -> Result<(), ConfigError> {
        if (MIN_LEASE..=MAX_LEASE).contains(&self.lease) {
            return Ok(());
        }
        Err(ConfigError::new(
            "lease",
            format_args!("{:?}", self.lease),
            "it must be between 200 ms and 24 h",
        ))
    }

    fn check_drift(&self) -> Result<(), ConfigError> {
        if (0.0..=MAX_DRIFT).contains(&self.max_clock_drift) {
            return Ok(());
        }
        Err(ConfigError::new(
            "max_clock_drift",
            self.max_clock_drift,
            "it must be between 0.0 and 0.5 (0.1 is 10 %)",
        ))
    }

    fn check_renewal(&self, timing: &Timing) -> Result<(), ConfigError> {
        let most = longest_renewal(timing);
        if (MIN_RENEWAL..=most).contains(&timing.renew_every) {
            return Ok(());
        }
        let bound = format!(
            "with a lease of {:?} and a `max_clock_drift` of {} it must be between 10 ms and {most:?}",
            timing.lease, self.max_clock_drift
        );
        Err(ConfigError::new(
            "renew_every",
            format_args!("{:?}", timing.renew_every),
            bound,
        ))
    }

    fn check_campaign_delay(&self) -> Result<(), ConfigError> {
        if self.campaign_delay <= self.lease {
            return Ok(());
        }
        Err(ConfigError::new(
            "campaign_delay",
            format_args!("{:?}", self.campaign_delay),
            format!("it must not exceed the lease of {:?}", self.lease),
        ))
    }
}

/// A renewal must be acknowledged in time even if it is delayed by all of its jitter and takes all of its timeout.
fn longest_renewal(timing: &Timing) -> Duration {
    let left = timing
        .lease
        .saturating_sub(timing.guard + timing.request_timeout);
    left.mul_f64(1.0 / 1.1).min(timing.lease / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut TimeSettings)) -> ConfigError {
        let mut settings = TimeSettings::default();
        assert!(settings.timing().is_ok());
        change(&mut settings);
        settings.timing().unwrap_err()
    }

    #[test]
    fn defaults_follow_from_the_lease() {
        let expected = Timing {
            lease: Duration::from_secs(15),
            guard: Duration::from_millis(1500),
            renew_every: Duration::from_secs(5),
            request_timeout: Duration::from_millis(2500),
            drain_timeout: Duration::from_secs(10),
            campaign_delay: Duration::from_millis(20),
        };
        assert_eq!(TimeSettings::default().timing(), Ok(expected));
    }

    #[test]
    fn the_guard_has_a_floor() {
        let settings = TimeSettings {
            lease: MIN_LEASE,
            ..TimeSettings::default()
        };
        assert_eq!(settings.timing().unwrap().guard, Duration::from_millis(20));
    }

    #[test]
    fn every_allowed_drift_works_with_the_defaults() {
        for lease in [MIN_LEASE, Duration::from_secs(15), MAX_LEASE] {
            let settings = TimeSettings {
                lease,
                max_clock_drift: MAX_DRIFT,
                ..TimeSettings::default()
            };
            let timing = settings.timing();
            assert!(timing.is_ok(), "{lease:?}: {timing:?}");
        }
    }

    #[test]
    fn an_error_names_the_setting_and_the_bound() {
        let error = refused(|s| s.lease = Duration::from_millis(199));
        assert_eq!(
            error.to_string(),
            "`lease` is 199ms: it must be between 200 ms and 24 h"
        );
        let error = refused(|s| s.renew_every = Some(Duration::from_secs(8)));
        assert_eq!(
            error.to_string(),
            "`renew_every` is 8s: with a lease of 15s and a `max_clock_drift` of 0.1 it must be \
             between 10 ms and 7.5s"
        );
    }

    #[test]
    fn settings_out_of_bounds_are_rejected() {
        let setting = |change: fn(&mut TimeSettings)| refused(change).setting();
        assert_eq!(setting(|s| s.lease = Duration::from_secs(86_401)), "lease");
        assert_eq!(setting(|s| s.max_clock_drift = -0.1), "max_clock_drift");
        assert_eq!(setting(|s| s.max_clock_drift = f64::NAN), "max_clock_drift");
        assert_eq!(
            setting(|s| s.renew_every = Some(Duration::ZERO)),
            "renew_every"
        );
        assert_eq!(
            setting(|s| s.campaign_delay = Duration::from_secs(16)),
            "campaign_delay"
        );
    }
}
