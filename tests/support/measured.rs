//! Records the metrics of a test.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, atomic::Ordering},
};

use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Label, Metadata, Recorder, SharedString, Unit,
};
use metrics_util::registry::{AtomicStorage, Registry};

/// The metrics that are recorded on this thread, which are all of them in a single-threaded test.
pub(crate) struct Measured {
    registry: Registry<Key, AtomicStorage>,
    described: Mutex<BTreeMap<String, Option<Unit>>>,
}

impl Recorder for Measured {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        self.describe(&name, unit);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        self.describe(&name, unit);
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, _: SharedString) {
        self.describe(&name, unit);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        self.registry
            .get_or_create_counter(key, |c| Counter::from_arc(Arc::clone(c)))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        self.registry
            .get_or_create_gauge(key, |g| Gauge::from_arc(Arc::clone(g)))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        self.registry
            .get_or_create_histogram(key, |h| Histogram::from_arc(Arc::clone(h)))
    }
}

#[allow(dead_code, reason = "each test target uses a part")]
impl Measured {
    pub(crate) fn new() -> Self {
        Self {
            registry: Registry::new(AtomicStorage),
            described: Mutex::default(),
        }
    }

    pub(crate) fn gauge(&self, key: &Key) -> Option<f64> {
        let gauge = self.registry.get_gauge(key)?;
        Some(f64::from_bits(gauge.load(Ordering::Relaxed)))
    }

    pub(crate) fn counter(&self, key: &Key) -> Option<u64> {
        let counter = self.registry.get_counter(key)?;
        Some(counter.load(Ordering::Relaxed))
    }

    /// The number of values in a histogram.
    pub(crate) fn recorded(&self, key: &Key) -> Option<usize> {
        let histogram = self.registry.get_histogram(key)?;
        Some(histogram.data().len())
    }

    /// The unit with which a metric was described.
    pub(crate) fn unit(&self, name: &str) -> Option<Unit> {
        *self.described.lock().unwrap().get(name)?
    }

    /// All series.
    pub(crate) fn keys(&self) -> Vec<Key> {
        let mut keys: Vec<Key> = Vec::new();
        keys.extend(self.registry.get_counter_handles().into_keys());
        keys.extend(self.registry.get_gauge_handles().into_keys());
        keys.extend(self.registry.get_histogram_handles().into_keys());
        keys
    }

    fn describe(&self, name: &KeyName, unit: Option<Unit>) {
        let mut described = self.described.lock().unwrap();
        described.insert(name.as_str().to_owned(), unit);
    }
}

pub(crate) fn key(name: &str, labels: &[(&'static str, &str)]) -> Key {
    let labels = labels
        .iter()
        .map(|(name, value)| Label::new(*name, (*value).to_owned()));
    Key::from_parts(name.to_owned(), labels.collect::<Vec<_>>())
}
