//! R1: how the session of this node begins, and the writes of its record.

use super::{
    machine::Machine,
    peers::{ME, SessionContent},
    requests::{About, Purpose},
    session::Step,
    session_record::{Alive, SessionId, SessionRecord},
};
use crate::clock::Moment;

impl Machine {
    /// R1. The gates of an earlier session of this process are shut, because it has ended.
    pub(super) fn begin_step(&self) -> Option<(Moment, Step)> {
        if self.is_configured != Some(true) || !self.watches.is_complete() {
            return None;
        }
        let me = &self.peers[ME];
        let timing = &self.me.timing;
        let now = Moment::default();
        let waited = timing.unknown_until(me.first_seen, me.last_lease);
        let record = match &me.content {
            SessionContent::Unseen | SessionContent::Absent => {
                return Some((now, Step::Mark));
            }
            SessionContent::Marker | SessionContent::Garbage => return Some((waited, Step::Begin)),
            SessionContent::Record(record) => record,
        };
        let from = match record {
            SessionRecord::Dead { .. } | SessionRecord::Left => now,
            SessionRecord::Unknown => waited,
            SessionRecord::Alive(_) if self.is_own_record() => now,
            SessionRecord::Alive(alive) if alive.lock.is_some() && alive.lock == self.me.lock => {
                now
            }
            SessionRecord::Alive(_) | SessionRecord::Later(_) => {
                timing.held_until(me.first_seen, record.lease().unwrap_or(timing.lease))
            }
        };
        Some((from, Step::Begin))
    }

    /// Whether this process wrote the record in the own key. A copy of its image has the same nonce, and writes with
    /// other ids.
    pub(super) fn is_own_record(&self) -> bool {
        match &self.peers[ME].content {
            SessionContent::Record(record) => self.own_writes.contain(record.write_id()),
            _ => false,
        }
    }

    pub(super) fn take_own_step(&mut self, now: Moment, step: Step) {
        let expected = match &self.peers[ME].content {
            SessionContent::Unseen | SessionContent::Absent => 0,
            _ => self.peers[ME].revision,
        };
        match step {
            Step::Read => self.send_read(now, About::Me),
            Step::Mark => {
                self.send_session(
                    now,
                    About::Me,
                    (Purpose::Mark, expected),
                    SessionRecord::Unknown,
                );
            }
            Step::Begin => {
                let id = SessionId::begun_by(self.write_id);
                self.send_own(now, Purpose::Begin(id), expected, (id, 0));
            }
            Step::Renew => {
                if let Some(held) = self.session.held() {
                    let (id, renewal) = (held.id, held.renewals + 1);
                    self.send_own(now, Purpose::Renew, held.revision, (id, renewal));
                }
            }
            Step::Leave => {
                let left = SessionRecord::Left;
                self.send_session(now, About::Me, (Purpose::Leave, expected), left);
            }
            Step::Settle(settled) => self.settle(settled),
        }
    }

    fn send_own(
        &mut self,
        now: Moment,
        purpose: Purpose,
        expected: u64,
        (session, renewal): (SessionId, u64),
    ) {
        self.own_writes.sent(self.write_id);
        let alive = Alive {
            session,
            address: self.me.address.clone(),
            lease_ms: self.me.lease_ms(),
            weight: self.me.weight,
            renewal,
            lock: self.me.lock.clone(),
            write_id: Some(self.write_id),
        };
        self.send_session(
            now,
            About::Me,
            (purpose, expected),
            SessionRecord::Alive(alive),
        );
    }
}
