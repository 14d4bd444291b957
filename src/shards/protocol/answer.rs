//! Requests to the store, their responses, and their absence.

use super::{
    action::{Action, Record},
    key::Key,
    machine::Machine,
    ownership::Ownership,
    peers::{ME, Peer},
    requests::{About, Purpose, Request, Write},
    session_record::SessionRecord,
};
use crate::{
    clock::Moment,
    lease::{Observation, Outcome},
};

impl Machine {
    pub(super) fn send_read(&mut self, now: Moment, about: About) {
        let key = self.key(about);
        let attempt = self.send(now, about, None);
        self.actions.push_back(Action::Read { attempt, key });
    }

    pub(super) fn send_session(
        &mut self,
        now: Moment,
        about: About,
        write: (Purpose, u64),
        record: SessionRecord,
    ) {
        self.send_write(now, about, write, Record::Session(record));
    }

    pub(super) fn send_shard(
        &mut self,
        now: Moment,
        shard: u32,
        write: (Purpose, u64),
        record: Ownership,
    ) {
        self.send_write(now, About::Shard(shard), write, Record::Shard(record));
    }

    fn send_write(
        &mut self,
        now: Moment,
        about: About,
        (purpose, expected): (Purpose, u64),
        record: Record,
    ) {
        let write = Write {
            purpose,
            expected,
            record: record.clone(),
        };
        let key = self.key(about);
        let attempt = self.send(now, about, Some(write));
        self.actions.push_back(Action::Write {
            attempt,
            key,
            expected,
            record,
        });
    }

    fn send(&mut self, now: Moment, about: About, write: Option<Write>) -> u64 {
        self.set_busy(about, true);
        self.requests.add(Request {
            about,
            sent_at: now,
            write,
        })
    }

    fn key(&self, about: About) -> Key {
        match about {
            About::Me => self.session_key(ME),
            About::Peer(peer) => self.session_key(peer),
            About::Shard(shard) => Key::Shard(shard),
        }
    }

    fn set_busy(&mut self, about: About, is_busy: bool) {
        match about {
            About::Me => self.peers[ME].is_busy = is_busy,
            About::Peer(peer) => self.peers[peer].is_busy = is_busy,
            About::Shard(shard) => self.shards[shard as usize].is_busy = is_busy,
        }
    }

    pub(super) fn handle_read(&mut self, now: Moment, attempt: u64, seen: Option<&Observation>) {
        let Some(request) = self.requests.take(attempt) else {
            return;
        };
        self.set_busy(request.about, false);
        let Some(seen) = seen else {
            self.back_off(now, request.about);
            return self.read_later(now, request.about);
        };
        if request.about == About::Me {
            self.handle_me_read();
        }
        // A stale response shows an older state, which changes nothing; the next write is refused, and leads here again.
        self.finish_read(now, request.about);
        let key = self.key(request.about);
        self.note(now, &key, seen);
        self.look_again(now, request.about);
    }

    fn finish_read(&mut self, now: Moment, about: About) {
        match about {
            About::Me => self.peers[ME].is_reading = false,
            About::Peer(peer) => self.peers[peer].is_reading = false,
            About::Shard(shard) => {
                let state = &mut self.shards[shard as usize];
                state.is_reading = false;
                state.retry_at = state.retry_at.max(now);
            }
        }
    }

    fn look_again(&mut self, now: Moment, about: About) {
        match about {
            About::Me => {}
            About::Peer(peer) => {
                let at = now.max(self.peers[peer].retry_at);
                self.plan_peer(peer, at);
            }
            About::Shard(shard) => {
                let at = now.max(self.shards[shard as usize].retry_at);
                self.plan_shard(shard, at);
            }
        }
    }

    pub(super) fn handle_written(&mut self, now: Moment, request: Request, outcome: Outcome) {
        self.set_busy(request.about, false);
        let Some(write) = request.write else {
            return;
        };
        match request.about {
            About::Me => self.handle_me_written(now, request.sent_at, write, outcome),
            About::Peer(peer) => self.handle_peer_written(now, peer, write, outcome),
            About::Shard(shard) => self.handle_shard_written(now, shard, write, outcome),
        }
        self.look_again(now, request.about);
    }

    /// Gives up the requests without a response.
    pub(super) fn time_out(&mut self, now: Moment) {
        while let Some((attempt, sent_at)) = self.requests.first()
            && now >= sent_at + self.me.timing.request_timeout
        {
            let Some(request) = self.requests.take(attempt) else {
                return;
            };
            let about = request.about;
            self.set_busy(about, false);
            if about == About::Me {
                self.take_me_timeout(request);
            }
            self.read_later(now, about);
        }
    }

    /// A first refusal is followed by a read at once, because the key has probably changed. A second refusal without an
    /// observed change in between is followed by a pause.
    pub(super) fn pause_peer_if_repeated(&mut self, now: Moment, peer: Peer) {
        if self.peers[peer].failures > 0 {
            self.back_off_peer(now, peer);
        } else {
            self.peers[peer].failures = 1;
        }
    }

    pub(super) fn back_off_peer(&mut self, now: Moment, peer: Peer) {
        let state = &mut self.peers[peer];
        state.failures = state.failures.saturating_add(1);
        state.retry_at = now + self.me.timing.retry_after(state.failures, &mut self.rng);
    }

    fn back_off(&mut self, now: Moment, about: About) {
        match about {
            About::Me => self.back_off_peer(now, ME),
            About::Peer(peer) => self.back_off_peer(now, peer),
            About::Shard(shard) => self.back_off_shard(now, shard),
        }
    }
}
