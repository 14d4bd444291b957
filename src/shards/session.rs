//! The session of this node: how it begins, is renewed and ends.
//!
//! It is a lease, and shares its times, its write ids and the bounds of its record with the lease of one election. It
//! is no [`lease::Machine`](crate::lease::Machine): that one extends a term when a renewal is acknowledged and not when
//! a watch has delivered it, believes an older state after a while, and keeps the token in the record that it renews.

use super::{
    action::{Action, Ended, Notice, Record},
    machine::Machine,
    peers::{ME, SessionContent},
    requests::{About, Purpose, Request, Write},
    rule::Rule,
    session_record::{Alive, SessionId, SessionRecord},
    shard::Own,
};
use crate::{
    clock::Moment,
    lease::{Outcome, Settled},
};

#[derive(Debug)]
pub(super) enum Session {
    /// No session is held. None begins before `from`.
    None {
        from: Moment,
    },
    Held(HeldSession),
    /// The node leaves: all gates are shut, nothing is inside, and the record that is or may be in the key is replaced.
    Parting {
        until: Moment,
        /// Whether the key was read in this state, after a write of unknown outcome.
        is_checked: bool,
    },
    Stopped,
}

#[derive(Debug)]
pub(super) struct HeldSession {
    pub(super) id: SessionId,
    /// The last revision of the own key that was acknowledged, or seen with an own renewal of unknown outcome.
    pub(super) revision: u64,
    /// None until the watch has delivered the first record.
    pub(super) deadline: Option<Moment>,
    /// The deadline that the first record would give.
    pub(super) first_deadline: Moment,
    pub(super) renew_at: Moment,
    pub(super) renewals: u64,
}

impl Session {
    pub(super) fn held(&self) -> Option<&HeldSession> {
        match self {
            Self::Held(held) => Some(held),
            _ => None,
        }
    }

    pub(super) fn held_mut(&mut self) -> Option<&mut HeldSession> {
        match self {
            Self::Held(held) => Some(held),
            _ => None,
        }
    }

    pub(super) fn ends_at(&self) -> Option<Moment> {
        let held = self.held()?;
        Some(held.deadline.unwrap_or(held.first_deadline))
    }

    pub(super) fn valid(&self, now: Moment) -> Option<SessionId> {
        let held = self.held()?;
        (now < held.deadline?).then_some(held.id)
    }
}

/// The next step with the own key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    Read,
    Mark,
    Begin,
    Renew,
    Leave,
    Settle(Settled),
}

impl Machine {
    pub(super) fn handle_deadline(&mut self, now: Moment) {
        let is_over = self.session.ends_at().is_some_and(|end| now >= end);
        if is_over && self.keeps(Rule::NeverRevive) {
            self.lose(now, Ended::Expired);
        }
    }

    /// R3: ends the session, and with it everything that this node does with its shards. A claim under way is void.
    pub(super) fn lose(&mut self, now: Moment, why: Ended) {
        let Some(held) = self.session.held() else {
            return;
        };
        if held.deadline.is_some() {
            self.actions.push_back(Action::End { why });
        }
        let from = match why {
            // What others hold may be unknown to the server.
            Ended::DataLost => now + self.me.timing.lease,
            _ => now,
        };
        self.session = Session::None { from };
        self.barrier.clear();
        for shard in std::mem::take(&mut self.owned) {
            self.shards[shard as usize].own = Own::None;
            self.plan_shard(shard, now);
        }
        let me = &mut self.peers[ME];
        me.retry_at = now;
        me.failures = 0;
    }

    pub(super) fn own_step(&self) -> Option<(Moment, Step)> {
        let me = &self.peers[ME];
        if me.is_busy || matches!(self.session, Session::Stopped) {
            return None;
        }
        if me.is_reading {
            return Some((me.retry_at, Step::Read));
        }
        match &self.session {
            Session::Held(held) => Some((held.renew_at.max(me.retry_at), Step::Renew)),
            Session::Parting { is_checked, .. } => {
                Some((me.retry_at, self.parting_step(*is_checked)))
            }
            Session::None { from } if self.leaving.is_none() => {
                let (at, step) = self.begin_step()?;
                Some((at.max(*from).max(me.retry_at), step))
            }
            Session::None { .. } | Session::Stopped => None,
        }
    }

    /// R1. The gates of an earlier session of this process are shut, because it has ended.
    fn begin_step(&self) -> Option<(Moment, Step)> {
        if self.is_configured != Some(true) || !self.watches.is_complete() {
            return None;
        }
        let me = &self.peers[ME];
        let timing = &self.me.timing;
        let now = Moment::default();
        let waited = timing.unknown_until(me.first_seen, me.last_lease);
        let record = match &me.content {
            SessionContent::Unseen | SessionContent::Absent => {
                let step = |at| Some((at, Step::Begin));
                return match () {
                    () if !self.keeps(Rule::AbsenceNotFree) => step(now),
                    () if !self.keeps(Rule::AbsenceMarked) => step(waited),
                    () => Some((now, Step::Mark)),
                };
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
            SessionRecord::Alive(_) if !self.keeps(Rule::OldGatesShut) => now,
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

    pub(super) fn handle_me_written(
        &mut self,
        now: Moment,
        sent_at: Moment,
        write: Write,
        outcome: Outcome,
    ) {
        let Write {
            purpose,
            expected,
            record: Record::Session(record),
        } = write
        else {
            return;
        };
        match outcome {
            Outcome::Acknowledged(revision) if revision <= expected => self.handle_data_lost(now),
            Outcome::Acknowledged(revision) => {
                self.uncertain = None;
                self.handle_me_acknowledged(now, purpose, (revision, sent_at));
                self.note_session(now, ME, revision, SessionContent::Record(record));
                self.pass_barrier(now);
            }
            Outcome::Conflict => {
                if let Some(id) = record.write_id() {
                    self.own_writes.refused(id);
                }
                // After a write of unknown outcome, the key may contain it: the read decides.
                let may_be_own = self.uncertain.take().is_some();
                if purpose == Purpose::Renew && !may_be_own {
                    self.lose(now, Ended::Refused);
                }
                self.pause_peer_if_repeated(now, ME);
                self.peers[ME].is_reading = true;
            }
            Outcome::Failed => {
                self.back_off_peer(now, ME);
                self.peers[ME].is_reading = true;
            }
            Outcome::Unknown => {
                self.pause_peer_if_repeated(now, ME);
                self.handle_me_unknown(purpose, expected);
            }
        }
    }

    pub(super) fn handle_me_unknown(&mut self, purpose: Purpose, expected: u64) {
        if matches!(purpose, Purpose::Begin(_) | Purpose::Renew) {
            self.uncertain = Some(expected);
        }
        self.peers[ME].is_reading = true;
    }

    fn handle_me_acknowledged(
        &mut self,
        now: Moment,
        purpose: Purpose,
        (revision, sent_at): (u64, Moment),
    ) {
        let renew_at = self.me.timing.renew_at(sent_at, &mut self.rng);
        let first_deadline = self.valid_until(now, sent_at);
        match (purpose, &mut self.session) {
            (Purpose::Begin(id), Session::None { .. })
                if now < first_deadline
                    && self.leaving.is_none()
                    && revision >= self.peers[ME].revision =>
            {
                self.session = Session::Held(HeldSession {
                    id,
                    revision,
                    deadline: None,
                    first_deadline,
                    renew_at,
                    renewals: 0,
                });
                self.barrier.acknowledge(now, revision, sent_at);
            }
            (Purpose::Renew, Session::Held(held)) => {
                held.revision = held.revision.max(revision);
                held.renewals += 1;
                held.renew_at = renew_at;
                self.barrier.acknowledge(now, revision, sent_at);
            }
            (Purpose::Leave, Session::Parting { .. }) => self.settle(Settled::Released),
            _ => {}
        }
    }

    fn valid_until(&self, now: Moment, sent_at: Moment) -> Moment {
        let from = if self.keeps(Rule::FromSend) {
            sent_at
        } else {
            now
        };
        match self.keeps(Rule::Guard) {
            true => self.me.timing.valid_until(from),
            false => from + self.me.timing.lease,
        }
    }

    /// R2: moves the deadline for the renewals that the watch has delivered.
    pub(super) fn pass_barrier(&mut self, now: Moment) {
        let without_watch = !self.keeps(Rule::Barrier);
        let Some(sent_at) = self.barrier.pass(without_watch) else {
            return;
        };
        let until = self.valid_until(now, sent_at);
        let Some(held) = self.session.held_mut() else {
            return;
        };
        let is_first = held.deadline.is_none();
        let deadline = held.deadline.map_or(until, |deadline| deadline.max(until));
        held.deadline = Some(deadline);
        let session = held.id;
        if is_first {
            self.actions.push_back(Action::Begin { session, deadline });
            for shard in 0..self.me.shards {
                self.plan_shard(shard, now);
            }
        } else {
            self.actions.push_back(Action::Extend { deadline });
        }
    }

    /// Notes another content of the own key.
    pub(super) fn handle_me_seen(&mut self, now: Moment, revision: u64) {
        let me = &self.peers[ME];
        let session = match &me.content {
            SessionContent::Record(record) => record.session(),
            _ => None,
        };
        let why = match me.content {
            SessionContent::Record(_) | SessionContent::Garbage => Ended::Overwritten,
            _ => Ended::Deleted,
        };
        let is_own = self.is_own_record();
        let Some(held) = self.session.held_mut() else {
            return;
        };
        let is_mine = session == Some(held.id);
        if is_own && is_mine {
            if revision > held.revision {
                // A renewal of unknown outcome was applied. Only the next one, on top of it, grants anything.
                held.revision = revision;
                held.renew_at = now;
            }
        } else if revision > held.revision || revision == 0 {
            if is_mine {
                self.notice(Notice::RunsTwice { revision });
            }
            self.lose(now, why);
        }
    }

    pub(super) fn take_me_timeout(&mut self, request: Request) {
        if let Some(write) = request.write {
            self.handle_me_unknown(write.purpose, write.expected);
        }
    }
}
