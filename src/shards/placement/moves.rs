//! When a node gives a shard away.

use super::{
    advisor::Advisor,
    borrowed::Borrowed,
    shard::{Said, State},
};
use crate::{clock::Moment, shards::protocol::Want};

impl Advisor {
    /// The advice for a shard that this node owns, and when to look at it again.
    pub(super) fn keep_or_give(
        &mut self,
        now: Moment,
        me: u32,
        shard: u32,
    ) -> (Want, Option<Moment>) {
        let state = &self.shards[shard as usize];
        let other_home = state.home.filter(|home| *home != me);
        if self.is_leaving {
            return (self.give(shard, state.home), None);
        }
        if self.given.contains_key(&shard) {
            return match other_home {
                Some(home) => (self.give(shard, Some(home)), None),
                None => (Want::Have, None),
            };
        }
        if state.state == State::MeShut {
            // Its warm-up failed. The next node need not wait until this one had time to claim it again.
            let next = self.nodes.after(me, shard, state.home);
            let to = next.map(|node| self.nodes[node].node.id.clone());
            return (Want::Give { to }, None);
        }
        if other_home.is_none() || !state.is_home_firm {
            return (Want::Have, None);
        }
        let borrowed = self.borrowed.get(&shard).map(|borrowed| borrowed.until);
        let kept_until = borrowed.filter(|until| *until > now);
        if kept_until.is_none() {
            self.movable.insert(shard);
        }
        (Want::Have, kept_until)
    }

    /// Gives away what may be given away, as far as few enough shards are moving.
    pub(super) fn start_moves(&mut self) {
        while self.given.len() < self.settings.moves_at_once.get()
            && let Some(shard) = self.movable.pop_first()
        {
            let home = self.shards[shard as usize].home;
            let want = self.give(shard, home);
            self.say(shard, want);
        }
    }

    /// The shard is moving from now on, until it is claimed.
    fn give(&mut self, shard: u32, to: Option<u32>) -> Want {
        let to = to.map(|node| self.nodes[node].node.id.clone());
        let said = self.given.insert(shard, to.clone());
        if said.is_some_and(|said| said != to) {
            // To name another node.
            self.shards[shard as usize].said = Said::Nothing;
        }
        Want::Give { to }
    }

    /// Notes that this node became the owner of a shard.
    pub(super) fn note_own_claim(&mut self, now: Moment, me: u32, shard: u32) {
        if self.shards[shard as usize].home == Some(me) {
            self.borrowed.remove(&shard);
            return;
        }
        let former = self.borrowed.get(&shard);
        let borrowed = Borrowed::again(former, now, self.settings.proven_after);
        self.borrowed.insert(shard, borrowed);
    }
}
