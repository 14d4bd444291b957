//! Every step-down and shutdown is answered in time.

use crate::{clock::Moment, lease::Timing};

#[derive(Default)]
pub(crate) struct Answers {
    /// The deadlines of the pending answers.
    due: Vec<Moment>,
}

impl Answers {
    /// Allows for the drain and for the attempts to release.
    pub(crate) fn asked(&mut self, now: Moment, timing: &Timing) {
        let longest = timing.drain_timeout + timing.request_timeout * 2;
        self.due.push(now + longest);
    }

    /// Extends the deadlines if the machine was woken later than it asked for.
    pub(crate) fn overslept(&mut self, wanted: Option<Moment>, now: Moment) {
        let span = wanted.map_or_else(Default::default, |wanted| now.saturating_since(wanted));
        self.due.iter_mut().for_each(|due| *due = *due + span);
    }

    pub(crate) fn settled(&mut self) {
        self.due.clear();
    }

    pub(crate) fn are_pending(&self) -> bool {
        !self.due.is_empty()
    }

    pub(crate) fn check(&self, now: Moment, is_stopped: bool) {
        let late = self.due.iter().find(|due| **due < now);
        assert_eq!(late, None, "a call was not answered in time; now {now:?}");
        assert!(
            !is_stopped || self.due.is_empty(),
            "stopped without answering a call"
        );
    }
}
