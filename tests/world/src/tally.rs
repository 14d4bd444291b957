//! Counts the rare events that the runs must cover: an event that never occurs is not tested.

#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub(crate) terms: u64,
    /// Extensions after a reader had seen the old deadline pass.
    pub(crate) late_extensions: u64,
    /// Terms that began, or whose gate opened, only after their deadline.
    pub(crate) late_openings: u64,
    /// Writes that were not sent, because a pause before outlasted their timeout.
    pub(crate) withheld_writes: u64,
    /// Stops that had to wait for requests of an earlier term.
    pub(crate) old_requests: u64,
    /// Writes that were applied after their outcome was reported as unknown.
    pub(crate) late_applications: u64,
    /// Writes that the server refused although the key had not changed.
    pub(crate) false_refusals: u64,
    /// Writes that reached the server twice.
    pub(crate) repeated_writes: u64,
    /// Client requests that were executed, and those that were refused.
    pub(crate) executed: u64,
    pub(crate) refused: u64,
    /// Losses of the stream in runs that check G2.
    pub(crate) lost_streams: u64,
    /// Records that the server removed once their holder could no longer be valid, in runs with unequal leases.
    pub(crate) late_expiries: u64,
    /// Records that the server removed while their holder was valid.
    pub(crate) early_expiries: u64,
    /// Requests to which G6 promises an answer.
    pub(crate) promised: u64,
    /// Requests around a hand-over that a gate forwarded more than once, and those of them with a body.
    pub(crate) sent_again: u64,
    pub(crate) bodies_sent_again: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        let Self {
            terms,
            late_extensions,
            late_openings,
            withheld_writes,
            old_requests,
            late_applications,
            false_refusals,
            repeated_writes,
            executed,
            refused,
            late_expiries,
            lost_streams,
            early_expiries,
            promised,
            sent_again,
            bodies_sent_again,
        } = other;
        self.terms += terms;
        self.late_extensions += late_extensions;
        self.late_openings += late_openings;
        self.withheld_writes += withheld_writes;
        self.old_requests += old_requests;
        self.late_applications += late_applications;
        self.false_refusals += false_refusals;
        self.repeated_writes += repeated_writes;
        self.executed += executed;
        self.refused += refused;
        self.lost_streams += lost_streams;
        self.late_expiries += late_expiries;
        self.early_expiries += early_expiries;
        self.promised += promised;
        self.sent_again += sent_again;
        self.bodies_sent_again += bodies_sent_again;
    }

    pub(crate) fn count(&mut self, was_executed: bool, was_refused: bool) {
        self.executed += u64::from(was_executed);
        self.refused += u64::from(was_refused);
    }

    /// Checks that `runs` runs covered every event.
    ///
    /// # Panics
    ///
    /// Panics if one of these events did not occur, or if there were few terms.
    pub fn all_happened(&self, runs: u64) {
        assert!(self.terms > 3 * runs, "there were few terms: {self:?}");
        for (count, what) in [
            (self.late_extensions, "late extensions"),
            (self.late_openings, "late openings"),
            (self.withheld_writes, "withheld writes"),
            (self.old_requests, "old requests"),
            (self.late_applications, "late applications"),
            (self.false_refusals, "false refusals"),
            (self.repeated_writes, "repeated writes"),
            (self.executed, "executed requests"),
            (self.refused, "refused requests"),
            (self.lost_streams, "lost streams"),
            (self.late_expiries, "late expiries"),
            (self.early_expiries, "early expiries"),
            (self.promised, "requests with a promise"),
            (self.sent_again, "requests sent again"),
            (self.bodies_sent_again, "bodies sent again"),
        ] {
            assert!(count > 0, "no {what} in {runs} runs: {self:?}");
        }
    }
}
