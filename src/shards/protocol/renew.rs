//! R2 and R3: how the session of this node is renewed, and how it ends.
//!
//! It is a lease, and shares its times, its write ids and the bounds of its record with the lease of one election. It
//! is no [`lease::Machine`](crate::lease::Machine): that one extends a term when a renewal is acknowledged and not when
//! a watch has delivered it, believes an older state after a while, and keeps the token in the record that it renews.

use super::{
    action::{Action, Ended, Notice, Record},
    machine::Machine,
    peers::{ME, SessionContent},
    requests::{Purpose, Request, Write},
    session::{HeldSession, Session, Step},
    shard::Own,
};
use crate::{
    clock::Moment,
    lease::{Outcome, Settled},
};

impl Machine {
    pub(super) fn handle_deadline(&mut self, now: Moment) {
        let is_over = self.session.ends_at().is_some_and(|end| now >= end);
        if is_over {
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
        let id = held.id;
        let from = match why {
            // What others hold may be unknown to the server.
            Ended::DataLost => now + self.me.timing.lease,
            _ => now,
        };
        self.session = Session::None { from };
        self.barrier.clear();
        // Among them those whose claims were seen before they were acknowledged.
        self.note_shards_of(ME, id);
        for shard in std::mem::take(&mut self.owned) {
            self.shards[shard as usize].own = Own::None;
            self.changed_shards.insert(shard);
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
        let first_deadline = self.me.timing.valid_until(sent_at);
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

    /// R2: moves the deadline for the renewals that the watch has delivered.
    pub(super) fn pass_barrier(&mut self, now: Moment) {
        let Some(sent_at) = self.barrier.pass() else {
            return;
        };
        let until = self.me.timing.valid_until(sent_at);
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
