//! The timeouts of a [`Machine`], and what they trigger.

use super::{
    action::Settled,
    machine::Machine,
    state::{Phase, State},
};
use crate::clock::Moment;

/// The next step of a machine without a request in progress.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Read,
    Vacate(u64),
    Acquire,
    Renew,
    Release,
    Settle(Settled),
}

impl Machine {
    /// When to pass [`Input::Tick`](super::Input::Tick) if no other input arrives before. None once the machine has
    /// stopped.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Moment> {
        let phase_ends = match &self.state {
            State::Leading(leading) => match leading.phase {
                Phase::Draining { until, .. } => Some(until.min(leading.deadline)),
                Phase::Warming | Phase::Open => Some(leading.deadline),
            },
            State::Clearing { until, .. } | State::Releasing { until, .. } => Some(*until),
            State::Following { .. } => None,
            State::Stopped => return None,
        };
        // The status changes when another candidate's lease ends.
        let holder_ends = self
            .foreign_record()
            .map(|(_, until)| until)
            .filter(|until| *until > self.handled_at);
        let answer_due = self.answer_due();
        let next_step = self.next_step().map(|(at, _)| at);
        let suspect = match self.state {
            State::Following { .. } | State::Clearing { .. } => {
                self.view.suspect_until(self.me.trust_absent_key)
            }
            _ => None,
        };
        [phase_ends, holder_ends, answer_due, next_step, suspect]
            .into_iter()
            .flatten()
            .min()
    }

    /// Takes the steps that are due at `now`.
    pub(super) fn advance(&mut self, now: Moment) {
        if self.answer_due().is_some_and(|due| now >= due) {
            self.time_out(now);
        }
        match self.state {
            State::Leading(ref leading) => {
                if let Phase::Draining { until, then } = leading.phase
                    && now >= until
                {
                    self.release(now, then);
                }
            }
            State::Clearing { until, then } if now >= until => self.begin_release(now, then),
            State::Releasing { until, .. } if now >= until => {
                self.settle(now, Settled::LeftToExpire);
            }
            State::Following { .. } | State::Clearing { .. } => {
                self.with_rules(|view, rules| view.promote(now, rules));
            }
            State::Releasing { .. } | State::Stopped => {}
        }
        match self.next_step() {
            Some((at, step)) if at <= now => match step {
                Step::Read => self.send_read(now),
                Step::Vacate(expected) => self.send_vacant(now, expected),
                Step::Acquire => self.send_acquire(now),
                Step::Renew => self.send_renewal(now),
                Step::Release => self.send_release(now),
                Step::Settle(settled) => self.settle(now, settled),
            },
            _ => {}
        }
    }

    /// When the request in progress times out. A write that was not sent by then is not sent.
    #[must_use]
    pub fn answer_due(&self) -> Option<Moment> {
        let request = self.request.as_ref()?;
        Some(request.sent_at + self.me.timing.request_timeout)
    }

    fn next_step(&self) -> Option<(Moment, Step)> {
        if self.request.is_some() || matches!(self.state, State::Stopped) {
            return None;
        }
        if self.reading.is_some() {
            return Some((self.retry_at, Step::Read));
        }
        match &self.state {
            State::Leading(leading) => Some((leading.renew_at.max(self.retry_at), Step::Renew)),
            State::Releasing { checked, .. } => Some((self.retry_at, self.release_step(*checked))),
            State::Following { from } => {
                let campaign = self
                    .vacate_step()
                    .or_else(|| Some((self.view.open_from()?.max(*from), Step::Acquire)));
                Some(self.earlier_than_read(campaign.filter(|_| !self.me.observer)))
            }
            // Also while stopping: this candidate may be the only one that knows the highest token.
            State::Clearing { .. } => Some(self.earlier_than_read(self.vacate_step())),
            State::Stopped => None,
        }
    }

    /// When to mark a vacancy. A mark grants nothing, so it does not wait for the end of a cool-down.
    fn vacate_step(&self) -> Option<(Moment, Step)> {
        let (at, expected) = self.view.vacancy()?;
        let marks = !self.me.observer && !self.me.trust_absent_key;
        marks.then_some((at, Step::Vacate(expected)))
    }

    /// Returns the write if it is due no later than the next read, because its outcome shows the same.
    fn earlier_than_read(&self, write: Option<(Moment, Step)>) -> (Moment, Step) {
        let read = (self.silent_at.max(self.retry_at), Step::Read);
        let write = write.map(|(at, step)| (at.max(self.retry_at), step));
        write.filter(|(at, _)| *at <= read.0).unwrap_or(read)
    }

    fn release_step(&self, checked: bool) -> Step {
        if self.view.is_own() {
            // The record may be another candidate's by now.
            return if self.view.is_contested() {
                Step::Settle(Settled::LeftToExpire)
            } else {
                Step::Release
            };
        }
        match self.pending() {
            Some(_) if checked => Step::Settle(Settled::LeftToExpire),
            Some(_) => Step::Read,
            None => Step::Settle(Settled::Released),
        }
    }

    /// The uncertain write, unless the key has a newer revision and the write can no longer be applied.
    pub(super) fn pending(&self) -> Option<u64> {
        self.uncertain
            .filter(|expected| self.view.revision() <= *expected)
    }
}
