use crate::{lease::Ended, names::ElectionName};

/// The metrics of one election, emitted through the `metrics` facade with feature `metrics`.
#[derive(Debug)]
pub(super) struct Meter {
    #[cfg(feature = "metrics")]
    labels: [metrics::Label; 2],
}

#[cfg(feature = "metrics")]
const IS_LEADER: &str = "noleader_is_leader";
#[cfg(feature = "metrics")]
const TOKEN: &str = "noleader_token";
#[cfg(feature = "metrics")]
const TERMS: &str = "noleader_terms_total";
#[cfg(feature = "metrics")]
const TERMS_LOST: &str = "noleader_terms_lost_total";
#[cfg(feature = "metrics")]
const RENEWALS: &str = "noleader_renewals_total";
#[cfg(feature = "metrics")]
const STORE_FAILURES: &str = "noleader_store_failures_total";

#[cfg(feature = "metrics")]
impl Meter {
    pub(super) fn new(election: &ElectionName) -> Self {
        let label = |name: &'static str, value: &str| metrics::Label::new(name, value.to_owned());
        Self {
            labels: [
                label("bucket", election.bucket()),
                label("key", election.key()),
            ],
        }
    }

    /// Makes every series exist: a missing series cannot be distinguished from a series that is zero. The application
    /// may install its recorder late.
    pub(super) fn refresh(&self, leads: Option<u64>) {
        match leads {
            Some(token) => self.leads(token),
            // Another handle of this election may lead.
            None => metrics::gauge!(IS_LEADER, self.labels.iter()).increment(0.0),
        }
        for name in [TERMS, TERMS_LOST, RENEWALS, STORE_FAILURES] {
            self.add(name, 0);
        }
    }

    pub(super) fn opened(&self, token: u64) {
        self.leads(token);
        self.count(TERMS);
    }

    fn leads(&self, token: u64) {
        self.gauge(IS_LEADER, 1.0);
        #[allow(clippy::cast_precision_loss, reason = "metrics are floats")]
        self.gauge(TOKEN, token as f64);
    }

    pub(super) fn shut(&self) {
        self.gauge(IS_LEADER, 0.0);
    }

    pub(super) fn ended(&self, why: Ended) {
        if why != Ended::Released {
            self.count(TERMS_LOST);
        }
    }

    pub(super) fn renewed(&self) {
        self.count(RENEWALS);
    }

    pub(super) fn failed(&self) {
        self.count(STORE_FAILURES);
    }

    fn gauge(&self, name: &'static str, value: f64) {
        metrics::gauge!(name, self.labels.iter()).set(value);
    }

    fn count(&self, name: &'static str) {
        self.add(name, 1);
    }

    fn add(&self, name: &'static str, count: u64) {
        metrics::counter!(name, self.labels.iter()).increment(count);
    }
}

#[cfg(not(feature = "metrics"))]
#[allow(clippy::unused_self, reason = "the same calls as with the feature")]
impl Meter {
    pub(super) fn new(_: &ElectionName) -> Self {
        Self {}
    }

    pub(super) fn refresh(&self, _leads: Option<u64>) {}

    pub(super) fn opened(&self, _token: u64) {}

    pub(super) fn shut(&self) {}

    pub(super) fn ended(&self, _why: Ended) {}

    pub(super) fn renewed(&self) {}

    pub(super) fn failed(&self) {}
}
