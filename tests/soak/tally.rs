//! Counts of the events during the churn.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

/// A counter of events.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) step_downs: Count,
    pub(crate) restarts: Count,
    pub(crate) admitted: Count,
    pub(crate) refused: Count,
    pub(crate) given_up: Count,
    pub(crate) watched: Count,
    pub(crate) observed: Count,
    pub(crate) cuts: Count,
}

impl Tally {
    fn counts(&self) -> [(&'static str, u64); 8] {
        [
            ("step-downs", self.step_downs.get()),
            ("restarts", self.restarts.get()),
            ("admitted", self.admitted.get()),
            ("refused", self.refused.get()),
            ("abandoned", self.given_up.get()),
            ("watched", self.watched.get()),
            ("observed", self.observed.get()),
            ("cuts", self.cuts.get()),
        ]
    }

    /// Whether every kind of event has occurred.
    pub(crate) fn is_complete(&self) -> bool {
        self.counts().iter().all(|(_, count)| *count > 0)
    }

    /// Panics if some kind of event never occurred: such a run proves nothing.
    pub(crate) fn check(&self) {
        for (what, count) in self.counts() {
            assert!(count > 0, "no event of the kind `{what}` occurred");
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.counts().map(|(what, count)| format!("{what} {count}"));
        f.write_str(&words.join(", "))
    }
}
