//! How a term starts and ends.

use super::{
    action::{Action, Ended, Settled},
    machine::Machine,
    state::{Leading, Phase, State, Then},
    view::Source,
};
use crate::clock::Moment;

impl Machine {
    pub(super) fn handle_warmed(&mut self, now: Moment, token: u64, ready: bool) {
        let Some(leading) = self.state.leading_mut() else {
            return;
        };
        if leading.token != token || leading.phase != Phase::Warming {
            return;
        }
        if ready {
            leading.phase = Phase::Open;
            self.failed_warm_ups = 0;
            self.actions.push_back(Action::Open);
        } else {
            self.failed_warm_ups = self.failed_warm_ups.saturating_add(1);
            self.close(now, Then::CoolDown);
        }
    }

    pub(super) fn handle_drained(&mut self, now: Moment, token: u64) {
        match self.state {
            State::Leading(Leading {
                token: held,
                phase: Phase::Draining { then, .. },
                ..
            }) if token == held => self.release(now, then),
            State::Clearing { then, .. } if token == 0 => self.begin_release(now, then),
            _ => {}
        }
    }

    pub(super) fn handle_stop(&mut self, now: Moment, then: Then) {
        match &mut self.state {
            State::Clearing { then: old, .. }
            | State::Releasing { then: old, .. }
            | State::Leading(Leading {
                phase: Phase::Draining { then: old, .. },
                ..
            }) => *old = strongest(*old, then),
            State::Following { .. } | State::Leading(_) => self.close(now, then),
            State::Stopped => self.actions.push_back(Action::Settled(Settled::Released)),
        }
    }

    /// Closes the gate. The requests finish before anything is released.
    fn close(&mut self, now: Moment, then: Then) {
        let until = now + self.me.timing.drain_timeout;
        match self.state.leading_mut() {
            Some(leading) => leading.phase = Phase::Draining { until, then },
            None => self.state = State::Clearing { until, then },
        }
        self.actions.push_back(Action::Close);
    }

    pub(super) fn lead(&mut self, token: u64, sent_at: Moment, deadline: Moment) {
        let phase = if self.me.warm_up {
            Phase::Warming
        } else {
            Phase::Open
        };
        self.state = State::Leading(Leading {
            token,
            deadline,
            renew_at: self.me.timing.renew_at(sent_at, &mut self.rng),
            renewals: 0,
            phase,
        });
        self.actions.push_back(Action::Begin { token, deadline });
        self.actions.push_back(match phase {
            Phase::Warming => Action::WarmUp,
            _ => Action::Open,
        });
    }

    /// Ends a term that was lost. A step-down or shutdown in progress still waits for the requests, because its caller
    /// may end the process once it returns.
    pub(super) fn lose(&mut self, now: Moment, why: Ended) {
        let Some(phase) = self.state.leading().map(|l| l.phase) else {
            return;
        };
        self.actions.push_back(Action::End { why });
        self.state = State::Following { from: now };
        self.reading.get_or_insert(Source::Hint);
        if let Phase::Draining { until, then } = phase {
            self.state = State::Clearing { until, then };
            self.actions.push_back(Action::Close);
        }
    }

    /// Ends a term whose gate has closed and whose requests have finished or timed out, and releases the lease.
    pub(super) fn release(&mut self, now: Moment, then: Then) {
        self.actions.push_back(Action::End {
            why: Ended::Released,
        });
        self.begin_release(now, then);
    }

    /// Releases the record that is or may be in the key, if there is one.
    pub(super) fn begin_release(&mut self, now: Moment, then: Then) {
        let revision = self.view.revision();
        let request = self.request.as_ref();
        let may_hold = request.is_some_and(|request| request.may_hold(revision))
            || self.pending().is_some()
            || self.is_misplaced
            || self.view.is_own();
        if !may_hold {
            self.finish(now, then, Settled::Released);
            return;
        }
        self.state = State::Releasing {
            until: now + self.me.timing.release_for(),
            then,
            checked: false,
        };
        self.retry_at = now;
    }

    pub(super) fn settle(&mut self, now: Moment, settled: Settled) {
        if let State::Releasing { then, .. } = self.state {
            self.finish(now, then, settled);
        }
    }

    fn finish(&mut self, now: Moment, then: Then, settled: Settled) {
        self.state = match then {
            Then::Stop => State::Stopped,
            Then::CoolDown => State::Following {
                from: now + self.me.timing.cool_down(self.failed_warm_ups),
            },
        };
        self.actions.push_back(Action::Settled(settled));
    }
}

fn strongest(a: Then, b: Then) -> Then {
    if a == Then::Stop { a } else { b }
}
