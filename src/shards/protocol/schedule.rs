//! The timeouts of a [`Machine`], and what they trigger.

use super::{machine::Machine, watches::Watches};
use crate::clock::Moment;

impl Machine {
    /// When to pass [`Input::Tick`](super::Input::Tick) if no other input arrives before. None once the node has left.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Moment> {
        if self.is_stopped() {
            return None;
        }
        let looks = [self.due_peers.first(), self.due_shards.first()];
        let looks = looks.into_iter().flatten().min();
        let answer = self.requests.first();
        [
            self.session.ends_at(),
            self.leaves_at(),
            answer.map(|(_, sent_at)| sent_at + self.me.timing.request_timeout),
            self.watch_at(),
            self.own_step().map(|(at, _)| at),
            looks.filter(|_| self.has_room()),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Takes the steps that are due at `now`. The own session comes first, whatever else is to be done, and does not
    /// wait for the others' requests.
    pub(super) fn advance(&mut self, now: Moment) {
        self.time_out(now);
        self.advance_leaving(now);
        if let Some((at, step)) = self.own_step()
            && at <= now
        {
            self.take_own_step(now, step);
        }
        if self.is_stopped() {
            return;
        }
        if self.watch_at().is_some_and(|at| at <= now) {
            self.open_watch(now);
        }
        while self.has_room() {
            if let Some(peer) = self.due_peers.next(now) {
                self.look_at_peer(now, peer);
            } else if let Some(shard) = self.due_shards.next(now) {
                self.look_at_shard(now, shard);
            } else {
                break;
            }
        }
    }

    fn has_room(&self) -> bool {
        self.requests.others() < self.me.max_requests
    }

    fn watch_at(&self) -> Option<Moment> {
        Watches::open_at(
            &self.watches,
            self.barrier.awaited_since(),
            self.me.stall(),
            self.me.timing.request_timeout,
        )
    }
}
