//! G5: the requests inside one process, and when its lease may be given back.

use std::time::Duration;

use crate::clock::Moment;

#[derive(Default)]
pub(crate) struct Drain {
    /// The terms under which requests are inside.
    inside: Vec<u64>,
    /// When the gate was shut for good, in a stop that goes on.
    closed_at: Option<Moment>,
    /// The machine waits until nobody is inside.
    is_awaited: bool,
    is_told: bool,
}

impl Drain {
    pub(crate) fn admit(&mut self, token: u64) {
        assert_eq!(self.closed_at, None, "admitted after the gate was shut");
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

    /// A term is over: whoever is inside, its drain is.
    pub(crate) fn term_ends(&mut self) {
        self.is_awaited = false;
    }

    /// A new term begins, or the stop is over.
    pub(crate) fn reset(&mut self) {
        self.closed_at = None;
        self.is_awaited = false;
    }

    pub(crate) fn is_done(&self) -> bool {
        self.is_awaited && self.inside.is_empty()
    }

    /// Once for each time that the gate shuts.
    pub(crate) fn is_news(&mut self) -> bool {
        let is_news = self.is_done() && !self.is_told;
        self.is_told |= is_news;
        is_news
    }

    /// Whatever term a request came in under, nothing is given back, and nobody answered, until it has left, or has
    /// had its time.
    pub(crate) fn check_end(&self, now: Moment, drain_timeout: Duration) {
        let inside = self.inside.len();
        let had_its_time = |at: Moment| now >= at + drain_timeout;
        assert!(
            inside == 0 || self.closed_at.is_some_and(had_its_time),
            "the stop ends with {inside} requests inside, shut at {:?}, now {now:?}",
            self.closed_at
        );
    }
}
