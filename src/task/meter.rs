use crate::{lease::Ended, names::ElectionName};

/// The metrics of one election, through the `metrics` facade; nothing without the feature.
///
/// | name | kind | |
/// |---|---|---|
/// | `noleader_is_leader` | gauge | 1 while the gate is open |
/// | `noleader_token` | gauge | the fencing token of the last term led |
/// | `noleader_terms_total` | counter | terms led |
/// | `noleader_terms_lost_total` | counter | terms that ended without a release |
/// | `noleader_renewals_total` | counter | renewals acknowledged in time |
/// | `noleader_store_failures_total` | counter | requests to the store that failed |
#[derive(Debug)]
pub(super) struct Meter {
    #[cfg(feature = "metrics")]
    labels: [metrics::Label; 2],
}

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

    pub(super) fn opened(&self, token: u64) {
        self.gauge("noleader_is_leader", 1.0);
        #[allow(clippy::cast_precision_loss, reason = "metrics are floats")]
        self.gauge("noleader_token", token as f64);
        self.count("noleader_terms_total");
    }

    pub(super) fn shut(&self) {
        self.gauge("noleader_is_leader", 0.0);
    }

    pub(super) fn ended(&self, why: Ended) {
        if why != Ended::Released {
            self.count("noleader_terms_lost_total");
        }
    }

    pub(super) fn renewed(&self) {
        self.count("noleader_renewals_total");
    }

    pub(super) fn failed(&self) {
        self.count("noleader_store_failures_total");
    }

    fn gauge(&self, name: &'static str, value: f64) {
        metrics::gauge!(name, self.labels.iter()).set(value);
    }

    fn count(&self, name: &'static str) {
        metrics::counter!(name, self.labels.iter()).increment(1);
    }
}

#[cfg(not(feature = "metrics"))]
#[allow(clippy::unused_self, reason = "the same calls as with the feature")]
impl Meter {
    pub(super) fn new(_: &ElectionName) -> Self {
        Self {}
    }

    pub(super) fn opened(&self, _token: u64) {}

    pub(super) fn shut(&self) {}

    pub(super) fn ended(&self, _why: Ended) {}

    pub(super) fn renewed(&self) {}

    pub(super) fn failed(&self) {}
}
