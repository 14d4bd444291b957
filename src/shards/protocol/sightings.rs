//! What is seen of a key, by a watch, a read or an acknowledged write.
//!
//! Only a newer revision replaces what was seen. Reads may be stale: an absence that a read shows is therefore never
//! evidence, but the reason to write a mark, which is refused if the key has a message.

use super::{
    action::{Action, Notice},
    key::Key,
    machine::Machine,
    ownership::Ownership,
    peers::{ME, Peer, SessionContent},
    session_record::SessionRecord,
    shard::{Own, ShardContent},
};
use crate::{
    clock::Moment,
    lease::{Garbage, Observation},
};

impl Machine {
    pub(super) fn note(&mut self, now: Moment, key: &Key, seen: &Observation) {
        match key {
            Key::Config => self.note_config(now, seen),
            Key::Session(id) => {
                let peer = self.peers.number(id);
                let content = self.parse_session(key, seen);
                self.note_session(now, peer, seen.revision(), content);
            }
            Key::Shard(shard) if *shard < self.me.shards => {
                let (content, floor) = self.parse_shard(key, seen);
                self.note_shard(now, *shard, seen.revision(), (content, floor));
            }
            Key::Shard(_) => {}
        }
    }

    fn parse_session(&mut self, key: &Key, seen: &Observation) -> SessionContent {
        match seen.value().map(SessionRecord::decode) {
            None if seen.revision() == 0 => SessionContent::Absent,
            None => SessionContent::Marker,
            Some(Ok(record)) => SessionContent::Record(record),
            Some(Err(why)) => {
                self.notice_garbage(key, seen.revision(), why);
                SessionContent::Garbage
            }
        }
    }

    fn parse_shard(&mut self, key: &Key, seen: &Observation) -> (ShardContent, u64) {
        let revision = seen.revision();
        match seen.value().map(|value| Ownership::decode(revision, value)) {
            None if revision == 0 => (ShardContent::Absent, 0),
            None => (ShardContent::Marker, 0),
            Some(Ok(record)) => self.content_of(&record, revision),
            Some(Err(why)) => {
                self.notice_garbage(key, revision, why);
                (ShardContent::Garbage, 0)
            }
        }
    }

    pub(super) fn content_of(&mut self, record: &Ownership, revision: u64) -> (ShardContent, u64) {
        let content = ShardContent::of(record, |id| self.peers.number(id));
        (content, record.token_at(revision))
    }

    fn notice_garbage(&mut self, key: &Key, revision: u64, why: Garbage) {
        self.notice(Notice::Garbage {
            key: key.clone(),
            revision,
            why,
        });
    }

    pub(super) fn note_session(
        &mut self,
        now: Moment,
        peer: Peer,
        revision: u64,
        content: SessionContent,
    ) {
        let state = &mut self.peers[peer];
        if state.content == content && (revision == state.revision || revision == 0) {
            state.is_reading = false;
            return;
        }
        if revision < state.revision && revision != 0 {
            return;
        }
        let is_contested = revision == state.revision && state.content != SessionContent::Absent;
        if is_contested && revision != 0 {
            // Another record at the same revision: the server lost one of them.
            return self.handle_data_lost(now);
        }
        let former = state.granted().and_then(|(record, _)| record.session());
        let said = state.said();
        state.revision = state.revision.max(revision);
        state.content = content;
        state.first_seen = now;
        state.is_reading = false;
        state.failures = 0;
        state.retry_at = now;
        let present = state
            .granted()
            .map(|(record, lease)| (record.session(), lease));
        if let Some((_, lease)) = present {
            state.last_lease = state.last_lease.max(lease);
        }
        state.delay = self.me.timing.campaign_after(&mut self.rng);
        state.is_ranked = false;
        let is_renewal = former.is_some() && present.and_then(|(session, _)| session) == former;
        if !is_renewal {
            state.begun_at = now;
        }
        if !is_renewal || state.said() != said {
            let session = present.and_then(|(session, _)| session);
            self.note_member(peer, former);
            self.note_member(peer, session.filter(|session| Some(*session) != former));
        }
        let state = &mut self.peers[peer];
        // The shards of a session that is renewed go on waiting.
        if !is_renewal || state.behind_since.is_some() {
            self.wake_waiting(now, peer);
        }
        if peer == ME {
            if is_renewal && self.session.held().is_none() && !self.is_own_record() {
                self.notice(Notice::IdInUse { revision });
            }
            self.handle_me_seen(now, revision);
        }
        self.plan_peer(peer, now);
    }

    pub(super) fn note_shard(
        &mut self,
        now: Moment,
        shard: u32,
        revision: u64,
        (content, floor): (ShardContent, u64),
    ) {
        let state = &mut self.shards[shard as usize];
        state.floor = state.floor.max(floor);
        if state.content == content && (revision == state.revision || revision == 0) {
            state.is_reading = false;
            let at = now.max(state.retry_at);
            return self.plan_shard(shard, at);
        }
        if revision < state.revision && revision != 0 {
            let at = now.max(state.retry_at);
            return self.plan_shard(shard, at);
        }
        let is_contested = revision == state.revision && state.content != ShardContent::Absent;
        if is_contested && revision != 0 {
            return self.handle_data_lost(now);
        }
        self.changed_shards.insert(shard);
        state.revision = state.revision.max(revision);
        state.content = content;
        state.first_seen = now;
        state.is_reading = false;
        state.failures = 0;
        state.retry_at = now;
        let delay = self.me.timing.campaign_after(&mut self.rng);
        state.delay_us = u32::try_from(delay.as_micros()).unwrap_or(u32::MAX);
        let replaced = state
            .own
            .term()
            .is_some_and(|t| revision > t.revision || revision == 0);
        if replaced {
            self.handle_overwritten(shard, revision);
        }
        self.plan_shard(shard, now);
    }

    /// R7: shuts a shard whose record was replaced.
    fn handle_overwritten(&mut self, shard: u32, revision: u64) {
        let own = &mut self.shards[shard as usize].own;
        let former = std::mem::replace(own, Own::None);
        self.owned.remove(&shard);
        self.changed_shards.insert(shard);
        // A release of unknown outcome may have been applied.
        if !matches!(former, Own::Freeing(_)) {
            // The cause comes first.
            self.notice(Notice::Overwritten { shard, revision });
            self.actions.push_back(Action::EndTerm { shard });
        }
    }
}
