//! When a node gives a shard away.

use super::{
    advisor::Advisor,
    borrowed::Borrowed,
    live_nodes::{ME, NodeNumber},
    shard::{Said, State},
};
use crate::{clock::Moment, shards::protocol::Want};

impl Advisor {
    /// The advice for a shard that this node owns, and when to look at it again.
    pub(super) fn keep_or_give(&mut self, now: Moment, shard: u32) -> (Want, Option<Moment>) {
        let state = &self.shards[shard as usize];
        let other_home = state.home.filter(|home| *home != ME);
        if self.is_leaving {
            return (self.give(shard, other_home), None);
        }
        if self.given.contains_key(&shard) {
            return match other_home {
                Some(home) => (self.give(shard, Some(home)), None),
                None => (Want::Have, None),
            };
        }
        if state.state == State::MeShut {
            // Its warm-up failed. The next node need not wait until this one had time to claim it again.
            let next = self.nodes.after(ME, shard);
            let to = next.map(|node| self.nodes[node].id.clone());
            return (Want::Give { to }, None);
        }
        let Some(home) = other_home else {
            return (Want::Have, None);
        };
        let proven_at = self.nodes[home].reaches(self.settings.proven_after);
        let borrowed = self.borrowed.get(&shard).map(|borrowed| borrowed.until);
        let kept_until = borrowed.into_iter().chain([proven_at]).max();
        let kept_until = kept_until.filter(|until| *until > now);
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
    fn give(&mut self, shard: u32, to: Option<NodeNumber>) -> Want {
        let said = self.given.insert(shard, to);
        if said.is_some_and(|said| said != to) {
            // To name another node.
            self.shards[shard as usize].said = Said::Nothing;
        }
        let to = to.map(|node| self.nodes[node].id.clone());
        Want::Give { to }
    }

    /// Notes that this node became the owner of a shard.
    pub(super) fn note_own_claim(&mut self, now: Moment, shard: u32) {
        let home = self.shards[shard as usize].home;
        let Some(home) = home.filter(|home| *home != ME) else {
            self.borrowed.remove(&shard);
            return;
        };
        let former = self.borrowed.get(&shard);
        let borrowed = Borrowed::again(former, home, now, self.settings.proven_after);
        self.borrowed.insert(shard, borrowed);
    }
}
