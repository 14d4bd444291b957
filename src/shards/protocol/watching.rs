//! What the watches of the bucket deliver.

use std::time::Duration;

use super::{
    action::{Action, Ended, Notice},
    config::Config,
    key::Key,
    machine::Machine,
    peers::{ME, Peer},
    requests::About,
    session::Session,
    shard::ShardContent,
    watches::{Delivery, Stream, Watches},
};
use crate::{clock::Moment, lease::Observation};

impl Machine {
    pub(super) fn handle_watching(&mut self, now: Moment, watch: u64, (epoch, last): (u64, u64)) {
        match self.watches.opened(now, watch, epoch, last) {
            None | Some(Stream::Same) => {}
            Some(Stream::Recreated) => self.forget_bucket(now, Ended::Recreated),
            Some(Stream::Shorter) => self.handle_data_lost(now),
            Some(Stream::Outdated) => self.replace_broken(now, watch),
        }
    }

    pub(super) fn handle_delivered(
        &mut self,
        now: Moment,
        (watch, index): (u64, u64),
        key: Option<&Key>,
        seen: &Observation,
    ) {
        match self.watches.deliver(now, watch, index, seen.revision()) {
            Delivery::Old => {}
            Delivery::Gap => self.replace_broken(now, watch),
            Delivery::New => {
                let Some(key) = key else {
                    return;
                };
                self.note(now, key, seen);
                let is_mine = matches!(key, Key::Session(id) if *id == self.me.id);
                if is_mine {
                    self.barrier.deliver(seen.revision());
                    self.pass_barrier(now);
                    self.close_watch(|watches| watches.keep(watch));
                }
            }
        }
    }

    pub(super) fn handle_caught_up(&mut self, now: Moment, watch: u64, index: u64) {
        match self.watches.caught_up(now, watch, index) {
            None => self.replace_broken(now, watch),
            Some(false) => {}
            // Keys that were not delivered have no message.
            Some(true) => {
                self.peers[ME].first_seen = self.peers[ME].first_seen.max(now);
                self.note_absent_shards(now);
                self.wake_all(now);
            }
        }
    }

    fn note_absent_shards(&mut self, now: Moment) {
        let spread = self.me.timing.lease / 4;
        for shard in &mut self.shards {
            if shard.content == ShardContent::Unseen {
                let delay = spread.mul_f64(self.rng.f64());
                shard.first_seen = now;
                shard.delay_us = u32::try_from(delay.as_micros()).unwrap_or(u32::MAX);
            }
        }
    }

    pub(super) fn handle_watch_ended(&mut self, now: Moment, watch: u64) {
        if self.watches.end(watch) {
            let (timing, rng) = (&self.me.timing, &mut self.rng);
            self.watches
                .back_off(now, |failures| timing.retry_after(failures, rng));
        }
    }

    fn replace_broken(&mut self, now: Moment, watch: u64) {
        if self.watches.end(watch) {
            self.notice(Notice::WatchReplaced { watch });
            self.actions.push_back(Action::CloseWatch { watch });
            self.watches.back_off(now, |_| Duration::ZERO);
        }
    }

    fn close_watch(&mut self, which: impl FnOnce(&mut Watches) -> Option<u64>) {
        if let Some(watch) = which(&mut self.watches) {
            self.actions.push_back(Action::CloseWatch { watch });
        }
    }

    pub(super) fn open_watch(&mut self, now: Moment) {
        if let Some(watch) = self.watches.newest() {
            self.notice(Notice::WatchReplaced { watch });
        }
        let (watch, after, closed) = self.watches.open(now);
        self.close_watch(|_| closed);
        self.actions.push_back(Action::Watch { watch, after });
    }

    fn wake_all(&mut self, now: Moment) {
        for shard in 0..self.me.shards {
            self.plan_shard(shard, now);
        }
        let peers: Vec<Peer> = self.peers.iter().map(|(peer, _)| peer).collect();
        for peer in peers {
            self.plan_peer(peer, now);
        }
    }

    pub(super) fn note_config(&mut self, now: Moment, seen: &Observation) {
        let config = seen.value().map(Config::decode);
        let is_ours = config.is_some_and(|config| config == Ok(self.me.config()));
        let was_ours = self.is_configured.replace(is_ours) == Some(true);
        if !is_ours {
            self.lose(now, Ended::Reconfigured);
        } else if !was_ours && self.watches.is_complete() {
            self.wake_all(now);
        }
    }

    /// Sequences went backwards. Nothing begins for a lease, because the server may have lost what others hold.
    pub(super) fn handle_data_lost(&mut self, now: Moment) {
        self.forget_bucket(now, Ended::DataLost);
        if let Session::None { from } = &mut self.session {
            *from = (*from).max(now + self.me.timing.lease);
        }
    }

    /// Revisions may repeat, and what was seen or is being written means nothing. Only the tokens are kept.
    fn forget_bucket(&mut self, now: Moment, why: Ended) {
        self.lose(now, why);
        self.barrier.reset();
        self.requests.clear();
        self.uncertain = None;
        self.is_configured = None;
        for watch in self.watches.reset(now) {
            self.actions.push_back(Action::CloseWatch { watch });
        }
        for (_, peer) in self.peers.iter_mut() {
            peer.forget();
        }
        for shard in &mut self.shards {
            shard.forget();
        }
        self.changed_shards.extend(0..self.me.shards);
        self.has_changed_members = true;
        self.wake_all(now);
    }

    /// Reads what a write of unknown effect has left. A change that is seen makes this unnecessary.
    pub(super) fn read_later(&mut self, now: Moment, about: About) {
        match about {
            About::Me => self.peers[ME].is_reading = true,
            About::Peer(peer) => {
                self.peers[peer].is_reading = true;
                let at = now.max(self.peers[peer].retry_at);
                self.plan_peer(peer, at);
            }
            About::Shard(shard) => {
                let state = &mut self.shards[shard as usize];
                state.is_reading = true;
                let at = now.max(state.retry_at);
                self.plan_shard(shard, at);
            }
        }
    }
}
