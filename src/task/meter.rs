#[cfg(feature = "metrics")]
use metrics::{Label, Unit};

#[cfg(feature = "metrics")]
use crate::metric::Metric;
use crate::{lease::Ended, names::ElectionName};

/// The metrics of one election, emitted through the `metrics` facade with feature `metrics`.
#[derive(Debug)]
pub(super) struct Meter {
    #[cfg(feature = "metrics")]
    labels: [Label; 2],
}

#[cfg(feature = "metrics")]
const IS_LEADER: Metric = Metric::gauge(
    "noleader_is_leader",
    Unit::Count,
    "1 while this node's gate is open, otherwise 0",
);
#[cfg(feature = "metrics")]
const TOKEN: Metric = Metric::gauge(
    "noleader_token",
    Unit::Count,
    "fencing token of the last term that this node led",
);
#[cfg(feature = "metrics")]
const TERMS: Metric = Metric::counter(
    "noleader_terms_total",
    Unit::Count,
    "terms in which the gate opened",
);
#[cfg(feature = "metrics")]
const TERMS_LOST: Metric = Metric::counter(
    "noleader_terms_lost_total",
    Unit::Count,
    "terms that ended without a release",
);
#[cfg(feature = "metrics")]
const RENEWALS: Metric = Metric::counter(
    "noleader_renewals_total",
    Unit::Count,
    "renewals acknowledged before the deadline",
);
#[cfg(feature = "metrics")]
const STORE_FAILURES: Metric = Metric::counter(
    "noleader_store_failures_total",
    Unit::Count,
    "requests to the lease store that failed or got no response",
);

#[cfg(feature = "metrics")]
impl Meter {
    pub(super) fn new(election: &ElectionName) -> Self {
        let label = |name: &'static str, value: &str| Label::new(name, value.to_owned());
        Self {
            labels: [
                label("bucket", election.bucket()),
                label("key", election.key()),
            ],
        }
    }

    /// Makes every series but the token exist. The application may install its recorder late.
    pub(super) fn refresh(&self, leads: Option<u64>) {
        for metric in [&IS_LEADER, &TERMS, &TERMS_LOST, &RENEWALS, &STORE_FAILURES] {
            metric.describe();
            // Another handle of this election may lead.
            metric.register(&self.labels);
        }
        TOKEN.describe();
        if let Some(token) = leads {
            self.leads(token);
        }
    }

    pub(super) fn opened(&self, token: u64) {
        self.leads(token);
        TERMS.count(&self.labels);
    }

    fn leads(&self, token: u64) {
        IS_LEADER.set(&self.labels, 1.0);
        #[allow(clippy::cast_precision_loss, reason = "metrics are floats")]
        TOKEN.set(&self.labels, token as f64);
    }

    pub(super) fn shut(&self) {
        IS_LEADER.set(&self.labels, 0.0);
    }

    pub(super) fn ended(&self, why: Ended) {
        if why != Ended::Released {
            TERMS_LOST.count(&self.labels);
        }
    }

    pub(super) fn renewed(&self) {
        RENEWALS.count(&self.labels);
    }

    pub(super) fn failed(&self) {
        STORE_FAILURES.count(&self.labels);
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
