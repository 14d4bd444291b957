//! G5: the admitted requests of one process, and when its lease may be released.

use std::time::Duration;

use crate::clock::Moment;

#[derive(Default)]
pub(crate) struct Drain {
    /// The token of each request in progress.
    inside: Vec<u64>,
    /// When the gate closed, during a step-down or shutdown.
    closed_at: Option<Moment>,
    /// Whether the machine waits for the requests.
    is_awaited: bool,
    is_told: bool,
}

impl Drain {
    pub(crate) fn admit(&mut self, token: u64) {
        assert_eq!(self.closed_at, None, "admitted after the gate closed");
        self.inside.push(token);
    }

    pub(crate) fn leave(&mut self, which: usize) {
        if let Some(which) = which.checked_rem(self.inside.len()) {
            self.inside.swap_remove(which);
        }
    }

    pub(crate) fn close(&mut self, now: Moment) {
        self.closed_at.get_or_insert(now);
        (self.is_awaited, self.is_told) = (true, false);
    }

    /// The end of a term ends its drain.
    pub(crate) fn term_ends(&mut self) {
        self.is_awaited = false;
    }

    /// A new term begins, or the step-down or shutdown is complete.
    pub(crate) fn reset(&mut self) {
        self.closed_at = None;
        self.is_awaited = false;
    }

    pub(crate) fn is_done(&self) -> bool {
        self.is_awaited && self.inside.is_empty()
    }

    /// Whether the drain has ended and was not reported yet.
    pub(crate) fn is_news(&mut self) -> bool {
        let is_news = self.is_done() && !self.is_told;
        self.is_told |= is_news;
        is_news
    }

    /// Asserts that all requests, of any term, have finished or had the drain timeout, before the lease is released and
    /// calls are answered.
    pub(crate) fn check_end(&self, now: Moment, drain_timeout: Duration) {
        let inside = self.inside.len();
        let had_its_time = |at: Moment| now >= at + drain_timeout;
        assert!(
            inside == 0 || self.closed_at.is_some_and(had_its_time),
            "released with {inside} requests in progress; closed at {:?}, now {now:?}",
            self.closed_at
        );
    }
}
