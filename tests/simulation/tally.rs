//! How often something happened that a run is there for: what never happens is not tested.

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) terms: u64,
    /// Extensions that came after somebody had seen the old deadline pass.
    pub(crate) late_extensions: u64,
    /// Terms that began, or whose gate opened, only after their deadline.
    pub(crate) late_openings: u64,
    /// Writes that left only after the term which they renew, or begin, would have been over.
    pub(crate) late_sends: u64,
    /// Stops that had to wait for requests of an earlier term.
    pub(crate) old_requests: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        let Self {
            terms,
            late_extensions,
            late_openings,
            late_sends,
            old_requests,
        } = other;
        self.terms += terms;
        self.late_extensions += late_extensions;
        self.late_openings += late_openings;
        self.late_sends += late_sends;
        self.old_requests += old_requests;
    }

    /// Panics if one of them did not, or hardly, in `runs` runs.
    pub(crate) fn all_happened(&self, runs: u64) {
        assert!(self.terms > 3 * runs, "the runs hardly elect: {self:?}");
        for (count, what) in [
            (self.late_extensions, "late extensions"),
            (self.late_openings, "late openings"),
            (self.late_sends, "late sends"),
            (self.old_requests, "old requests"),
        ] {
            assert!(count > 0, "no {what} in {runs} runs: {self:?}");
        }
    }
}
