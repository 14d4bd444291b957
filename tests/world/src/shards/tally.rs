//! Counts the rare events that the runs must cover: an event that never occurs is not tested.

use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub(super) sessions: u64,
    pub(super) openings: u64,
    pub(super) admitted: u64,
    /// Sessions that were fenced.
    pub(super) fences: u64,
    /// Shards that were taken from a dead session, and those that were freed for another node.
    pub(super) takeovers: u64,
    pub(super) moves: u64,
    /// Records that another client changed.
    pub(super) touched: u64,
    /// Buckets that were made again, and losses of the last writes.
    pub(super) lost: u64,
    /// Sessions that a reader found past their deadline before a renewal was published.
    pub(super) found_shut: u64,
    /// Writes that were applied after their outcome was reported as unknown.
    pub(super) late_applications: u64,
}

impl Tally {
    fn counts(&mut self) -> [(&'static str, &mut u64); 10] {
        [
            ("sessions", &mut self.sessions),
            ("openings", &mut self.openings),
            ("admitted requests", &mut self.admitted),
            ("fences", &mut self.fences),
            ("takeovers", &mut self.takeovers),
            ("moves", &mut self.moves),
            ("touched records", &mut self.touched),
            ("lost buckets", &mut self.lost),
            ("late extensions", &mut self.found_shut),
            ("late applications", &mut self.late_applications),
        ]
    }

    pub(super) fn add(&mut self, mut other: Self) {
        for ((_, count), (_, more)) in self.counts().into_iter().zip(other.counts()) {
            *count += *more;
        }
    }

    /// Checks that the runs covered every event.
    ///
    /// # Panics
    ///
    /// Panics if one of these events did not occur.
    pub fn all_happened(mut self) {
        let never = self.counts().into_iter().filter(|(_, count)| **count == 0);
        let never: BTreeMap<_, _> = never.map(|(what, count)| (what, *count)).collect();
        assert!(never.is_empty(), "these did not occur: {never:?}");
    }
}
