//! R9: how a node leaves.

use super::{
    action::{Action, Ended},
    machine::Machine,
    peers::ME,
    session::{Session, Step},
    shard::Own,
};
use crate::{clock::Moment, lease::Settled};

impl Machine {
    /// Shuts all shards. The session is renewed until they are drained.
    pub(super) fn handle_leave(&mut self, now: Moment) {
        if self.leaving.is_some() {
            return;
        }
        let until = now + self.me.timing.drain_timeout;
        self.leaving = Some(until);
        self.actions.push_back(Action::ShutAll);
        for shard in &self.owned {
            let own = &mut self.shards[*shard as usize].own;
            if let Own::Warming(term) | Own::Open(term) = *own {
                *own = Own::Draining(term, until);
                self.changed_shards.insert(*shard);
            }
        }
    }

    /// Nothing is inside any more: one write frees all that is not freed yet.
    pub(super) fn handle_emptied(&mut self, now: Moment) {
        if self.leaving.is_none() || matches!(self.session, Session::Parting { .. }) {
            return;
        }
        self.lose(now, Ended::Left);
        let me = &self.peers[ME];
        if !me.is_busy && self.pending().is_none() && !self.is_own_record() {
            return self.settle(Settled::Released);
        }
        self.session = Session::Parting {
            until: now + self.me.timing.release_for(),
            is_checked: false,
        };
        self.peers[ME].retry_at = now;
    }

    pub(super) fn handle_me_read(&mut self) {
        if let Session::Parting { is_checked, .. } = &mut self.session {
            *is_checked = true;
        }
    }

    pub(super) fn parting_step(&self, is_checked: bool) -> Step {
        match self.pending() {
            _ if self.is_own_record() => Step::Leave,
            Some(_) if is_checked => Step::Settle(Settled::LeftToExpire),
            Some(_) => Step::Read,
            None => Step::Settle(Settled::Released),
        }
    }

    /// The uncertain write, unless the key has a newer revision and the write can no longer be applied.
    fn pending(&self) -> Option<u64> {
        self.uncertain
            .filter(|expected| self.peers[ME].revision <= *expected)
    }

    /// When leaving goes on without a response.
    pub(super) fn leaves_at(&self) -> Option<Moment> {
        match self.session {
            Session::Parting { until, .. } => Some(until),
            _ => self.leaving,
        }
    }

    pub(super) fn advance_leaving(&mut self, now: Moment) {
        if self.leaves_at().is_none_or(|at| now < at) {
            return;
        }
        match self.session {
            Session::Parting { .. } => self.settle(Settled::LeftToExpire),
            _ => self.handle_emptied(now),
        }
    }

    pub(super) fn settle(&mut self, settled: Settled) {
        self.session = Session::Stopped;
        self.requests.clear();
        self.actions.push_back(Action::Settled(settled));
    }
}
