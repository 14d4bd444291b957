//! Responses of the store, and their absence.

use super::{
    action::{Action, Ended, Notice, Settled},
    input::{Observation, Outcome},
    machine::Machine,
    record::Record,
    request::{Kind, Purpose, Request, Write},
    sighting::Content,
    state::State,
    view::{Change, Source},
};
use crate::clock::Moment;

impl Machine {
    pub(super) fn handle_read(&mut self, now: Moment, attempt: u64, seen: Option<Observation>) {
        let Some(_) = self.request.take_if(|r| r.attempt == attempt) else {
            return;
        };
        let Some(seen) = seen else {
            self.back_off(now);
            return;
        };
        let mut source = self.reading.take().unwrap_or(Source::Hint);
        if self.state.leading().is_some() && seen.revision == 0 {
            // A leader whose key has no message steps down at once. It does not wait to find out whether the read was
            // stale.
            source = Source::AfterConflict(self.view.revision());
        }
        if source != Source::Hint {
            self.is_misplaced = false;
        }
        if let State::Releasing { checked, .. } = &mut self.state {
            *checked = true;
        }
        self.handle_seen(now, seen, source);
    }

    pub(super) fn handle_watching(&mut self, now: Moment, epoch: u64) {
        let before = self.epoch.replace(epoch);
        if before.is_some_and(|before| before != epoch) {
            self.forget_bucket(now);
        } else if self.me.lossy_store {
            self.with_rules(|view, rules| view.restart(now, rules));
        }
        // The client may have reconnected, and the store then rejects a write before a read.
        self.reading.get_or_insert(Source::Hint);
    }

    /// Forgets what was known of the old bucket, except its tokens. Revisions of the new bucket may repeat those of the
    /// old one, and this candidate's record and pending writes do not belong to it.
    fn forget_bucket(&mut self, now: Moment) {
        self.notice(Notice::Recreated);
        self.view.forget();
        self.request = None;
        self.uncertain = None;
        self.is_misplaced = false;
        self.failures = 0;
        self.retry_at = now;
        self.reading = Some(Source::Hint);
        self.lose(now, Ended::Recreated);
    }

    pub(super) fn handle_seen(&mut self, now: Moment, seen: Observation, source: Source) {
        let before = self.view.revision();
        let change = self.with_rules(|view, rules| view.note(now, seen, source, rules));
        self.silent_at = now
            + self
                .me
                .timing
                .silence_after(self.view.lease(), &mut self.rng);
        if self.view.is_contested() {
            // Another record is at the revision of this candidate's own record: the server lost its own.
            self.lose(now, Ended::DataLost);
        }
        if change != Change::New {
            return;
        }
        // A change justifies an attempt at once, and makes a pending read unnecessary.
        self.failures = 0;
        self.retry_at = now;
        self.reading.take_if(|source| *source == Source::Hint);
        let after = self.view.sighting().map(|s| (s.revision, &s.content));
        let why = match after {
            Some((_, Content::Absent)) => Ended::Deleted,
            Some((revision, _)) if revision <= before => Ended::DataLost,
            _ if self.view.is_own() => return,
            _ => Ended::Overwritten,
        };
        self.lose(now, why);
    }

    pub(super) fn handle_written(&mut self, now: Moment, request: Request, outcome: Outcome) {
        let Kind::Write(Write {
            purpose,
            expected,
            believed,
            record,
        }) = request.kind
        else {
            return;
        };
        match outcome {
            Outcome::Acknowledged(revision) => {
                self.uncertain = None;
                self.failures = 0;
                // A server that lost data counts from the start again, and may acknowledge anything.
                let lost = revision <= expected;
                if lost {
                    self.notice(Notice::DataLost {
                        seen: expected,
                        found: revision,
                    });
                    self.is_misplaced = purpose.holds();
                    self.lose(now, Ended::DataLost);
                    self.reading = Some(Source::AfterConflict(self.view.revision()));
                    return;
                }
                let token = record.token_at(revision);
                let newest = self
                    .with_rules(|view, rules| view.wrote(now, believed, (revision, record), rules));
                if newest {
                    self.handle_acknowledged(now, purpose, token, request.sent_at);
                }
            }
            Outcome::Conflict => {
                self.handle_refused(now, &record);
                self.handle_conflict(now, purpose, expected);
            }
            Outcome::Failed => {
                self.reading.get_or_insert(Source::Hint);
                self.back_off(now);
            }
            Outcome::Unknown => {
                self.pause_if_repeated(now);
                self.handle_unknown(purpose, expected);
            }
        }
    }

    fn handle_acknowledged(&mut self, now: Moment, purpose: Purpose, token: u64, sent_at: Moment) {
        let deadline = self.me.timing.valid_until(sent_at);
        match purpose {
            Purpose::Vacate => {}
            // The candidate is stopping: `advance` releases the lease.
            Purpose::Acquire if !matches!(self.state, State::Following { .. }) => {}
            Purpose::Acquire if now < deadline => self.lead(token, sent_at, deadline),
            Purpose::Acquire => {
                self.notice(Notice::AcquiredTooLate);
                self.back_off(now);
            }
            Purpose::Renew => {
                let renew_at = self.me.timing.renew_at(sent_at, &mut self.rng);
                // A term that ended while the renewal was in progress is not revived.
                if let Some(leading) = self.state.leading_mut() {
                    leading.renewals += 1;
                    leading.renew_at = renew_at;
                    leading.deadline = leading.deadline.max(deadline);
                    let deadline = leading.deadline;
                    self.actions.push_back(Action::Extend { deadline });
                }
            }
            Purpose::Release => self.settle(now, Settled::Released),
        }
    }

    /// A rejected write is not the record in the key, even if a copy of this process's image made the same write.
    fn handle_refused(&mut self, now: Moment, record: &Record) {
        let Some(id) = record.write_id else {
            return;
        };
        self.own_writes.refused(id);
        if self.with_rules(|view, rules| view.refuse(now, id, rules)) {
            self.lose(now, Ended::Overwritten);
        }
    }

    /// A refusal does not prove that the key has changed. The term therefore continues until the read that follows.
    fn handle_conflict(&mut self, now: Moment, purpose: Purpose, expected: u64) {
        self.pause_if_repeated(now);
        self.reading = Some(Source::AfterConflict(expected));
        if purpose == Purpose::Vacate {
            self.view.trust_the_sighting();
        }
    }

    fn handle_unknown(&mut self, purpose: Purpose, expected: u64) {
        if purpose != Purpose::Vacate {
            self.uncertain = Some(expected);
        }
        self.reading.get_or_insert(Source::Hint);
    }

    /// Abandons the request in progress.
    pub(super) fn time_out(&mut self, now: Moment) {
        match self.request.take().map(|r| r.kind) {
            None => {}
            // No further pause after a timeout.
            Some(Kind::Read) => self.retry_at = now,
            Some(Kind::Write(write)) => {
                self.retry_at = now;
                self.handle_unknown(write.purpose, write.expected);
            }
        }
    }

    /// A first refusal is followed by a read at once, because the key has probably changed. A second refusal without an
    /// observed change in between is followed by a pause.
    fn pause_if_repeated(&mut self, now: Moment) {
        if self.failures > 0 {
            self.back_off(now);
        } else {
            self.failures = 1;
        }
    }

    fn back_off(&mut self, now: Moment) {
        self.failures = self.failures.saturating_add(1);
        self.retry_at = now + self.me.timing.retry_after(self.failures, &mut self.rng);
    }
}
