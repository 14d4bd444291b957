//! The settings of an election, checked once.

use std::time::Duration;

use http::Uri;

use crate::{
    error::ConfigError,
    lease::{MAX_LEASE, MIN_GUARD, MIN_LEASE, Timing},
};

/// The longest id, in bytes.
const MAX_ID: usize = 256;

/// The longest address, in bytes.
const MAX_ADDRESS: usize = 1024;

/// The shortest time between two renewals.
const MIN_RENEWAL: Duration = Duration::from_millis(10);

/// The largest difference between two clocks' rates that can be allowed for.
const MAX_DRIFT: f64 = 0.5;

/// The settings that a builder collects.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) id: String,
    pub(crate) address: Option<String>,
    pub(crate) lease: Duration,
    pub(crate) renew_every: Option<Duration>,
    pub(crate) max_clock_drift: f64,
    pub(crate) drain_timeout: Duration,
    pub(crate) campaign_delay: Duration,
    pub(crate) replicas: Option<usize>,
    pub(crate) observer: bool,
    pub(crate) warm_up: bool,
    pub(crate) trust_absent_key: bool,
}

impl Config {
    pub(crate) fn new(bucket: String, key: String) -> Self {
        Self {
            bucket,
            key,
            id: uuid::Uuid::new_v4().to_string(),
            address: None,
            lease: Duration::from_secs(15),
            renew_every: None,
            max_clock_drift: 0.05,
            drain_timeout: Duration::from_secs(10),
            campaign_delay: Duration::from_millis(20),
            replicas: None,
            observer: false,
            warm_up: false,
            trust_absent_key: false,
        }
    }

    /// Checks every setting, alone and against the others.
    pub(crate) fn check(&self) -> Result<Timing, ConfigError> {
        check_bucket(&self.bucket)?;
        check_key(&self.key)?;
        check_id(&self.id)?;
        if let Some(address) = &self.address {
            check_address(address)?;
        }
        if !(MIN_LEASE..=MAX_LEASE).contains(&self.lease) {
            return Err(ConfigError::new(
                "lease",
                format_args!("{:?}", self.lease),
                "it must lie between 200 ms and 24 h",
            ));
        }
        if !(0.0..=MAX_DRIFT).contains(&self.max_clock_drift) {
            return Err(ConfigError::new(
                "max_clock_drift",
                self.max_clock_drift,
                "it must lie between 0.0 and 0.5 (0.05 is 5 %)",
            ));
        }
        self.check_replicas()?;
        if self.observer && self.warm_up {
            return Err(ConfigError::new(
                "warm_up",
                "set on an observer",
                "an observer never leads; remove `.warm_up(..)` or `.observe()`",
            ));
        }
        let timing = self.timing();
        self.check_renewal(&timing)?;
        self.check_campaign_delay()?;
        Ok(timing)
    }

    fn timing(&self) -> Timing {
        // Records count in milliseconds.
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

    fn check_renewal(&self, timing: &Timing) -> Result<(), ConfigError> {
        let most = longest_renewal(timing);
        if (MIN_RENEWAL..=most).contains(&timing.renew_every) {
            return Ok(());
        }
        let bound = format!(
            "with a lease of {:?} and a `max_clock_drift` of {} it must lie between 10 ms and {most:?}",
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

    fn check_replicas(&self) -> Result<(), ConfigError> {
        match self.replicas {
            Some(replicas) if !(1..=5).contains(&replicas) => Err(ConfigError::new(
                "replicas",
                replicas,
                "JetStream keeps between 1 and 5 replicas",
            )),
            _ => Ok(()),
        }
    }
}

/// Late by its jitter and as slow as its timeout allows, a renewal must still arrive in time.
fn longest_renewal(timing: &Timing) -> Duration {
    let left = timing
        .lease
        .saturating_sub(timing.guard + timing.request_timeout);
    left.mul_f64(1.0 / 1.1).min(timing.lease / 2)
}

pub(crate) fn check_bucket(bucket: &str) -> Result<(), ConfigError> {
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !bucket.is_empty() && bucket.chars().all(valid) {
        return Ok(());
    }
    let bound = "it must be letters, digits, `-` and `_`, at least one";
    Err(ConfigError::new(
        "bucket",
        format_args!("{bucket:?}"),
        bound,
    ))
}

pub(crate) fn check_key(key: &str) -> Result<(), ConfigError> {
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '/' | '_' | '=' | '.');
    let tokens = key.split('.').all(|token| !token.is_empty());
    if tokens && key.chars().all(valid) {
        return Ok(());
    }
    let bound = "it must be letters, digits, `-`, `/`, `_`, `=`, in parts separated by single dots";
    Err(ConfigError::new("key", format_args!("{key:?}"), bound))
}

fn check_id(id: &str) -> Result<(), ConfigError> {
    if !id.is_empty() && id.len() <= MAX_ID && !id.chars().any(char::is_control) {
        return Ok(());
    }
    let bound = format!("it must be 1 to {MAX_ID} bytes without control characters");
    Err(ConfigError::new("id", format_args!("{id:?}"), bound))
}

/// Checks an address before it is published, and again when it comes out of the shared bucket.
pub(crate) fn check_address(address: &str) -> Result<Uri, ConfigError> {
    let bound = |bound: &str| ConfigError::new("address", format_args!("{address:?}"), bound);
    if address.len() > MAX_ADDRESS {
        return Err(bound("it must be 1024 bytes at most"));
    }
    let uri: Uri = address
        .parse()
        .map_err(|error| bound(&format!("it must be a URI ({error})")))?;
    let (Some(_), Some(authority)) = (uri.scheme(), uri.authority()) else {
        return Err(bound(
            "it must be an absolute URI, such as `http://10.0.0.7:8080`",
        ));
    };
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return Err(bound("it must name a host, and no user or password"));
    }
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Config)) -> ConfigError {
        let mut config = Config::new("orders".to_owned(), "writer".to_owned());
        assert!(config.check().is_ok());
        change(&mut config);
        config.check().unwrap_err()
    }

    #[test]
    fn defaults_follow_from_the_lease() {
        let timing = Config::new("orders".to_owned(), "writer".to_owned())
            .check()
            .unwrap();
        assert_eq!(
            timing,
            Timing {
                lease: Duration::from_secs(15),
                guard: Duration::from_millis(750),
                renew_every: Duration::from_secs(5),
                request_timeout: Duration::from_millis(2500),
                drain_timeout: Duration::from_secs(10),
                campaign_delay: Duration::from_millis(20),
            }
        );
    }

    #[test]
    fn the_guard_has_a_floor() {
        let mut config = Config::new("orders".to_owned(), "writer".to_owned());
        config.lease = MIN_LEASE;
        assert_eq!(config.check().unwrap().guard, Duration::from_millis(20));
    }

    #[test]
    fn every_drift_that_is_allowed_goes_with_the_other_defaults() {
        for lease in [MIN_LEASE, Duration::from_secs(15), MAX_LEASE] {
            let mut config = Config::new("orders".to_owned(), "writer".to_owned());
            (config.lease, config.max_clock_drift) = (lease, MAX_DRIFT);
            assert!(config.check().is_ok(), "{lease:?}: {:?}", config.check());
        }
    }

    #[test]
    fn an_error_names_the_setting_and_the_bound() {
        let error = refused(|c| c.lease = Duration::from_millis(199));
        assert_eq!(
            error.to_string(),
            "`lease` is 199ms: it must lie between 200 ms and 24 h"
        );
        let error = refused(|c| c.renew_every = Some(Duration::from_secs(8)));
        assert_eq!(
            error.to_string(),
            "`renew_every` is 8s: with a lease of 15s and a `max_clock_drift` of 0.05 it must lie \
             between 10 ms and 7.5s"
        );
    }

    #[test]
    fn every_setting_out_of_its_bounds_is_refused() {
        let setting = |change: fn(&mut Config)| refused(change).setting();
        assert_eq!(setting(|c| c.bucket = "a b".to_owned()), "bucket");
        assert_eq!(setting(|c| c.bucket = String::new()), "bucket");
        assert_eq!(setting(|c| c.key = "a*".to_owned()), "key");
        assert_eq!(setting(|c| c.key = ".a".to_owned()), "key");
        assert_eq!(setting(|c| c.key = "a..b".to_owned()), "key");
        assert_eq!(setting(|c| c.key = String::new()), "key");
        assert_eq!(setting(|c| c.id = String::new()), "id");
        assert_eq!(setting(|c| c.id = "a\nb".to_owned()), "id");
        assert_eq!(setting(|c| c.id = "x".repeat(257)), "id");
        assert_eq!(setting(|c| c.lease = Duration::from_secs(86_401)), "lease");
        assert_eq!(setting(|c| c.max_clock_drift = -0.1), "max_clock_drift");
        assert_eq!(setting(|c| c.max_clock_drift = f64::NAN), "max_clock_drift");
        assert_eq!(
            setting(|c| c.renew_every = Some(Duration::ZERO)),
            "renew_every"
        );
        assert_eq!(
            setting(|c| c.campaign_delay = Duration::from_secs(16)),
            "campaign_delay"
        );
        assert_eq!(setting(|c| c.replicas = Some(0)), "replicas");
        let observer = |c: &mut Config| (c.observer, c.warm_up) = (true, true);
        assert_eq!(refused(observer).setting(), "warm_up");
    }

    #[test]
    fn an_address_is_an_absolute_uri_without_credentials() {
        assert!(check_address("http://10.0.0.7:8080").is_ok());
        assert!(check_address("https://node-7.example/base").is_ok());
        for address in [
            "",
            "10.0.0.7:8080",
            "/orders",
            "http://",
            "http://user:secret@host/",
            "http://host/\r\nx: y",
            "not a uri",
            &format!("http://{}/", "x".repeat(1024)),
        ] {
            let error = check_address(address).unwrap_err();
            assert_eq!(error.setting(), "address", "{address}");
        }
    }
}
