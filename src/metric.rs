//! Metrics, emitted through the `metrics` facade.

use metrics::{Label, Unit};

/// A metric, and its description for exporters.
pub(crate) struct Metric {
    name: &'static str,
    kind: Kind,
    unit: Unit,
    meaning: &'static str,
}

enum Kind {
    Gauge,
    Counter,
    Histogram,
}

impl Metric {
    pub(crate) const fn gauge(name: &'static str, unit: Unit, meaning: &'static str) -> Self {
        Self::new(name, Kind::Gauge, unit, meaning)
    }

    pub(crate) const fn counter(name: &'static str, unit: Unit, meaning: &'static str) -> Self {
        Self::new(name, Kind::Counter, unit, meaning)
    }

    pub(crate) const fn histogram(name: &'static str, unit: Unit, meaning: &'static str) -> Self {
        Self::new(name, Kind::Histogram, unit, meaning)
    }

    const fn new(name: &'static str, kind: Kind, unit: Unit, meaning: &'static str) -> Self {
        Self {
            name,
            kind,
            unit,
            meaning,
        }
    }

    pub(crate) fn describe(&self) {
        let Self {
            name,
            kind,
            unit,
            meaning,
        } = self;
        match kind {
            Kind::Gauge => metrics::describe_gauge!(*name, *unit, *meaning),
            Kind::Counter => metrics::describe_counter!(*name, *unit, *meaning),
            Kind::Histogram => metrics::describe_histogram!(*name, *unit, *meaning),
        }
    }

    /// Makes the series exist, without changing it. A missing series cannot be distinguished from one that is zero.
    pub(crate) fn register(&self, labels: &[Label]) {
        match self.kind {
            Kind::Gauge => metrics::gauge!(self.name, labels.iter()).increment(0.0),
            Kind::Counter => metrics::counter!(self.name, labels.iter()).increment(0),
            Kind::Histogram => drop(metrics::histogram!(self.name, labels.iter())),
        }
    }

    pub(crate) fn set(&self, labels: &[Label], value: f64) {
        metrics::gauge!(self.name, labels.iter()).set(value);
    }

    pub(crate) fn count(&self, labels: &[Label]) {
        self.add(labels, 1);
    }

    pub(crate) fn add(&self, labels: &[Label], count: u64) {
        metrics::counter!(self.name, labels.iter()).increment(count);
    }

    pub(crate) fn record(&self, labels: &[Label], value: f64) {
        metrics::histogram!(self.name, labels.iter()).record(value);
    }
}
