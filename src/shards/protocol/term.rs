//! R6 to R8: how a term of a shard starts and ends.

use super::{
    action::Action,
    input::Want,
    machine::Machine,
    session_record::SessionId,
    shard::{Own, Shard, Term, Wanted},
};
use crate::clock::Moment;

impl Machine {
    /// R6: only the acknowledgement of a claim under the current session makes this node the owner, unless a later
    /// record was seen.
    pub(super) fn take_claim(&mut self, now: Moment, shard: u32, session: SessionId, term: Term) {
        let current = self.session.valid(now);
        let state = &mut self.shards[shard as usize];
        let is_newest = state.revision <= term.revision;
        if current != Some(session) || state.own != Own::None || !is_newest {
            return;
        }
        state.own = Own::Warming(term);
        self.owned.insert(shard);
        self.changed_shards.insert(shard);
    }

    pub(super) fn begin_term(&mut self, now: Moment, shard: u32, term: Term) {
        let Term { token, .. } = term;
        let state = &mut self.shards[shard as usize];
        if state.own != Own::Warming(term) {
            return;
        }
        if state.want != Wanted::Have || self.leaving.is_some() {
            // No longer wanted: it was never open.
            return self.begin_free(now, shard, term);
        }
        if self.me.warm_up {
            self.actions.push_back(Action::WarmUp { shard, token });
        } else {
            state.own = Own::Open(term);
            self.changed_shards.insert(shard);
            self.actions.push_back(Action::Open { shard, token });
        }
    }

    /// Frees a shard: nothing is inside any more, or the drain timeout has passed.
    pub(super) fn begin_free(&mut self, now: Moment, shard: u32, term: Term) {
        self.shards[shard as usize].own = Own::Freeing(term);
        self.changed_shards.insert(shard);
        self.actions.push_back(Action::EndTerm { shard });
        self.plan_shard(shard, now);
    }

    pub(super) fn finish_free(&mut self, shard: u32, expected: u64) {
        let state = &mut self.shards[shard as usize];
        if matches!(state.own, Own::Freeing(term) if term.revision == expected) {
            state.own = Own::None;
            self.owned.remove(&shard);
            self.changed_shards.insert(shard);
        }
    }

    pub(super) fn handle_wanted(&mut self, now: Moment, shard: u32, want: &Want) {
        if shard >= self.me.shards {
            return;
        }
        let want = Wanted::of(want, |id| self.peers.number(id));
        self.shards[shard as usize].want = want;
        if matches!(want, Wanted::Give(_)) {
            self.shut(now, shard);
        }
        let at = now.max(self.shards[shard as usize].retry_at);
        self.plan_shard(shard, at);
    }

    /// R8: shuts a shard, which is final, and frees it once it is drained.
    fn shut(&mut self, now: Moment, shard: u32) {
        let until = now + self.me.timing.drain_timeout;
        let Shard { own, .. } = &mut self.shards[shard as usize];
        if let Own::Warming(term) | Own::Open(term) = *own {
            *own = Own::Draining(term, until);
            self.changed_shards.insert(shard);
            self.actions.push_back(Action::Shut { shard });
        }
    }

    pub(super) fn handle_warmed(&mut self, now: Moment, shard: u32, token: u64, ready: bool) {
        let Some(state) = self.shards.get_mut(shard as usize) else {
            return;
        };
        let Own::Warming(term) = state.own else {
            return;
        };
        if term.token != token {
            return;
        }
        if ready {
            state.own = Own::Open(term);
            self.changed_shards.insert(shard);
            self.sat_out.remove(&shard);
            self.actions.push_back(Action::Open { shard, token });
        } else {
            self.sit_out(now, shard);
            self.shut(now, shard);
            self.plan_shard(shard, now);
        }
    }

    /// Others have time to claim a shard whose warm-up failed here.
    fn sit_out(&mut self, now: Moment, shard: u32) {
        let (rounds, until) = self.sat_out.entry(shard).or_default();
        *rounds = rounds.saturating_add(1);
        *until = now + self.me.timing.cool_down(*rounds);
    }

    pub(super) fn handle_drained(&mut self, now: Moment, shard: u32, token: u64) {
        let own = self.shards.get(shard as usize).map(|s| s.own);
        if let Some(Own::Draining(term, _)) = own
            && term.token == token
        {
            self.begin_free(now, shard, term);
        }
    }
}
