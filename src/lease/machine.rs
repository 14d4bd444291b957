use std::collections::VecDeque;

use super::{
    action::{Action, Ended, Notice, Settled},
    input::{Input, Observation, Outcome},
    record::Record,
    state::{Leading, Phase, Role, State, Then},
    validity::Timing,
    view::{Change, Content, Rules, Source, View},
};
use crate::clock::Moment;

/// Who a candidate is and what it may do.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its name, for people.
    pub id: String,
    /// A nonce, new at every start: how a candidate knows its own writes.
    pub session: String,
    /// Where it can be reached.
    pub address: Option<String>,
    /// Its time settings.
    pub timing: Timing,
    /// Whether it only watches.
    pub observer: bool,
    /// Whether a warm-up stands between winning and opening the gate.
    pub warm_up: bool,
    /// Whether an absent key is free at once, without the wait for an unknown holder.
    pub trust_absent_key: bool,
}

/// Who leads, as far as a candidate knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The holder's id.
    pub id: String,
    /// The holder's address, as it stands in the record, unchecked.
    pub address: Option<String>,
    /// The term's fencing token.
    pub token: u64,
}

/// The protocol of one candidate, without IO and without a clock.
///
/// The contract: [`handle`](Self::handle) an input with the time at which it was *received*; then drain
/// [`poll_action`](Self::poll_action) and do what it says; then wait for the next input, but not longer
/// than [`poll_timeout`](Self::poll_timeout), and hand in [`Input::Tick`] at that time.
#[derive(Debug)]
pub struct Machine {
    pub(super) me: Candidate,
    pub(super) rng: fastrand::Rng,
    pub(super) state: State,
    pub(super) view: View,
    /// The one request under way.
    pub(super) request: Option<Request>,
    attempts: u64,
    /// A read is due, and how its answer is to be taken.
    pub(super) reading: Option<Source>,
    /// A write that could give this candidate the lease may still be applied, over this revision.
    pub(super) uncertain: Option<u64>,
    failures: u32,
    pub(super) retry_at: Moment,
    pub(super) silent_at: Moment,
    pub(super) failed_warm_ups: u32,
    /// When the last input was received.
    pub(super) handled_at: Moment,
    actions: VecDeque<Action>,
}

#[derive(Debug)]
pub(super) struct Request {
    attempt: u64,
    kind: Kind,
    pub(super) sent_at: Moment,
}

#[derive(Debug)]
enum Kind {
    Read,
    Write(Write),
}

#[derive(Debug)]
struct Write {
    purpose: Purpose,
    /// The revision that it replaces.
    expected: u64,
    /// The revision that was believed to be the key's when it was sent.
    believed: u64,
    record: Record,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Purpose {
    /// Marks an absent key, and grants nothing.
    Vacate,
    Acquire,
    Renew,
    Release,
}

impl Request {
    fn is_acquiring(&self) -> bool {
        matches!(&self.kind, Kind::Write(write) if write.purpose == Purpose::Acquire)
    }
}

impl Machine {
    /// A candidate that knows nothing yet. `seed` decides all of its jitter. It acts at the first
    /// [`Input::Tick`].
    #[must_use]
    pub fn new(candidate: Candidate, seed: u64) -> Self {
        Self {
            me: candidate,
            rng: fastrand::Rng::with_seed(seed),
            state: State::Following {
                from: Moment::default(),
            },
            view: View::new(),
            request: None,
            attempts: 0,
            reading: Some(Source::Hint),
            uncertain: None,
            failures: 0,
            retry_at: Moment::default(),
            silent_at: Moment::default(),
            failed_warm_ups: 0,
            handled_at: Moment::default(),
            actions: VecDeque::new(),
        }
    }

    /// Where this candidate stands.
    #[must_use]
    pub fn role(&self) -> Role {
        self.state.role()
    }

    /// The token of the term that this candidate holds.
    #[must_use]
    pub fn token(&self) -> Option<u64> {
        self.state.leading().map(|l| l.token)
    }

    /// The deadline of the term that this candidate holds.
    #[must_use]
    pub fn deadline(&self) -> Option<Moment> {
        self.state.leading().map(|l| l.deadline)
    }

    /// The other candidate whose lease runs at `now`, as far as this one knows.
    #[must_use]
    pub fn holder(&self, now: Moment) -> Option<Holder> {
        let (record, until) = self.foreign_record()?;
        (now < until).then(|| Holder {
            id: record.holder.clone().unwrap_or_default(),
            address: record.address.clone(),
            token: record.token_at(self.view.revision()),
        })
    }

    /// The next thing to do, in order.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Takes in an input that was received at `now`.
    pub fn handle(&mut self, now: Moment, input: Input) {
        debug_assert!(now >= self.handled_at, "the clock is monotonic");
        self.handled_at = now;
        // Whatever arrives after the deadline arrives after the term.
        self.handle_deadline(now);
        match input {
            Input::Tick => {}
            Input::Pushed(seen) => self.handle_seen(now, seen, Source::Hint),
            Input::Read { attempt, seen } => self.handle_read(now, attempt, seen),
            Input::Written { attempt, outcome } => {
                if let Some(request) = self.request.take_if(|r| r.attempt == attempt) {
                    self.handle_written(now, request, outcome);
                }
            }
            Input::Warmed { token, ready } => self.handle_warmed(now, token, ready),
            Input::Drained { token } => self.handle_drained(now, token),
            Input::Expired { token } => {
                if self.token() == Some(token) {
                    self.lose(now, Ended::Expired);
                }
            }
            Input::StepDown => self.handle_stop(now, Then::CoolDown),
            Input::Shutdown => self.handle_stop(now, Then::Stop),
        }
        self.advance(now);
    }

    fn handle_deadline(&mut self, now: Moment) {
        if self.deadline().is_some_and(|deadline| now >= deadline) {
            self.lose(now, Ended::Expired);
        }
    }

    fn handle_read(&mut self, now: Moment, attempt: u64, seen: Option<Observation>) {
        let Some(_) = self.request.take_if(|r| r.attempt == attempt) else {
            return;
        };
        let Some(seen) = seen else {
            self.back_off(now);
            return;
        };
        let mut source = self.reading.take().unwrap_or(Source::Hint);
        if self.state.leading().is_some() && seen.revision == 0 {
            // A leader does not argue with a server that has lost its key.
            source = Source::AfterConflict(self.view.revision());
        }
        if let State::Releasing { checked, .. } = &mut self.state {
            *checked = true;
        }
        self.handle_seen(now, seen, source);
    }

    fn handle_seen(&mut self, now: Moment, seen: Observation, source: Source) {
        let before = self.view.revision();
        let change = self.with_rules(|view, rules| view.note(now, seen, source, rules));
        self.silent_at = now
            + self
                .me
                .timing
                .silence_after(self.view.lease(), &mut self.rng);
        if change != Change::New {
            return;
        }
        // News is worth an attempt at once, and as good as the answer to a read.
        self.failures = 0;
        self.retry_at = now;
        self.reading.take_if(|source| *source == Source::Hint);
        let after = self.view.sighting().map(|s| (s.revision, &s.content));
        let why = match after {
            Some((_, Content::Absent)) => Ended::Deleted,
            Some((revision, _)) if revision <= before => Ended::DataLost,
            _ if self.view.held_by(&self.me.session).is_some() => return,
            _ => Ended::Overwritten,
        };
        self.lose(now, why);
    }

    fn handle_written(&mut self, now: Moment, request: Request, outcome: Outcome) {
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
            Outcome::Conflict => self.handle_conflict(now, purpose, expected),
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
            // Stopping meanwhile: `advance` gives the lease back.
            Purpose::Acquire if !matches!(self.state, State::Following { .. }) => {}
            Purpose::Acquire if now < deadline => self.lead(token, sent_at, deadline),
            Purpose::Acquire => {
                self.notice(Notice::AcquiredTooLate);
                self.back_off(now);
            }
            Purpose::Renew => {
                let renew_at = self.me.timing.renew_at(sent_at, &mut self.rng);
                // If the term ended while the renewal was under way, it is not revived.
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

    fn handle_conflict(&mut self, now: Moment, purpose: Purpose, expected: u64) {
        self.pause_if_repeated(now);
        self.reading = Some(Source::AfterConflict(expected));
        if purpose == Purpose::Vacate {
            self.view.trust_the_sighting();
        }
        // With a write of unknown outcome about, the other revision may be this candidate's own.
        if purpose == Purpose::Renew && self.uncertain.is_none() {
            self.lose(now, Ended::Overwritten);
        }
    }

    fn handle_unknown(&mut self, purpose: Purpose, expected: u64) {
        if purpose != Purpose::Vacate {
            self.uncertain = Some(expected);
        }
        self.reading.get_or_insert(Source::Hint);
    }

    fn handle_warmed(&mut self, now: Moment, token: u64, ready: bool) {
        let Some(leading) = self.state.leading_mut() else {
            return;
        };
        if leading.token != token || leading.phase != Phase::Warming {
            return;
        }
        if ready {
            leading.phase = Phase::Open;
            self.failed_warm_ups = 0;
            self.actions.push_back(Action::Open);
        } else {
            self.failed_warm_ups = self.failed_warm_ups.saturating_add(1);
            self.release(now, Then::CoolDown);
        }
    }

    fn handle_drained(&mut self, now: Moment, token: u64) {
        if let Some(leading) = self.state.leading()
            && leading.token == token
            && let Phase::Draining { then, .. } = leading.phase
        {
            self.release(now, then);
        }
    }

    fn handle_stop(&mut self, now: Moment, then: Then) {
        let may_hold = self.request.as_ref().is_some_and(Request::is_acquiring)
            || self.uncertain.is_some()
            || self.view.held_by(&self.me.session).is_some();
        let drain_until = now + self.me.timing.drain_timeout;
        match &mut self.state {
            State::Following { .. } if may_hold => {
                let until = now + self.me.timing.release_for();
                self.state = State::Releasing {
                    until,
                    then,
                    checked: false,
                };
            }
            State::Following { .. } => self.finish(now, then, Settled::Released),
            State::Leading(leading) => match &mut leading.phase {
                Phase::Draining { then: old, .. } => *old = strongest(*old, then),
                phase => {
                    *phase = Phase::Draining {
                        until: drain_until,
                        then,
                    };
                    self.actions.push_back(Action::Close);
                }
            },
            State::Releasing { then: old, .. } => *old = strongest(*old, then),
            State::Stopped => self.actions.push_back(Action::Settled(Settled::Released)),
        }
    }

    fn lead(&mut self, token: u64, sent_at: Moment, deadline: Moment) {
        let phase = if self.me.warm_up {
            Phase::Warming
        } else {
            Phase::Open
        };
        self.state = State::Leading(Leading {
            token,
            deadline,
            renew_at: self.me.timing.renew_at(sent_at, &mut self.rng),
            renewals: 0,
            phase,
        });
        self.actions.push_back(Action::Begin { token, deadline });
        self.actions.push_back(match phase {
            Phase::Warming => Action::WarmUp,
            _ => Action::Open,
        });
    }

    /// Ends a term that was not given back.
    fn lose(&mut self, now: Moment, why: Ended) {
        let Some(phase) = self.state.leading().map(|l| l.phase) else {
            return;
        };
        self.actions.push_back(Action::End { why });
        self.state = State::Following { from: now };
        self.reading.get_or_insert(Source::Hint);
        if let Phase::Draining { then, .. } = phase {
            let settled = match why {
                Ended::Expired | Ended::DataLost => Settled::LeftToExpire,
                Ended::Released | Ended::Overwritten | Ended::Deleted => Settled::Released,
            };
            self.finish(now, then, settled);
        }
    }

    /// Ends a term whose gate has shut and whose requests have finished, to give the lease back.
    pub(super) fn release(&mut self, now: Moment, then: Then) {
        self.actions.push_back(Action::End {
            why: Ended::Released,
        });
        let until = now + self.me.timing.release_for();
        self.state = State::Releasing {
            until,
            then,
            checked: false,
        };
        self.retry_at = now;
    }

    pub(super) fn settle(&mut self, now: Moment, settled: Settled) {
        if let State::Releasing { then, .. } = self.state {
            self.finish(now, then, settled);
        }
    }

    fn finish(&mut self, now: Moment, then: Then, settled: Settled) {
        self.state = match then {
            Then::Stop => State::Stopped,
            Then::CoolDown => State::Following {
                from: now + self.me.timing.cool_down(self.failed_warm_ups),
            },
        };
        self.actions.push_back(Action::Settled(settled));
    }

    /// Gives up waiting for the answer to the request under way.
    pub(super) fn time_out(&mut self, now: Moment) {
        match self.request.take().map(|r| r.kind) {
            None => {}
            // Waiting for the answer was pause enough.
            Some(Kind::Read) => self.retry_at = now,
            Some(Kind::Write(write)) => {
                self.retry_at = now;
                self.handle_unknown(write.purpose, write.expected);
            }
        }
    }

    pub(super) fn send_read(&mut self, now: Moment) {
        self.reading.get_or_insert(Source::Hint);
        let attempt = self.send(now, Kind::Read);
        self.actions.push_back(Action::Read { attempt });
    }

    pub(super) fn send_vacant(&mut self, now: Moment, expected: u64) {
        let lease = self.me.timing.unknown_lease(self.view.last_lease());
        let record = self.record().vacant(lease);
        self.send_write(now, Purpose::Vacate, expected, record);
    }

    pub(super) fn send_acquire(&mut self, now: Moment) {
        self.send_write(now, Purpose::Acquire, self.view.revision(), self.record());
    }

    pub(super) fn send_renewal(&mut self, now: Moment) {
        if let Some(leading) = self.state.leading() {
            let record = self.record().renewed(leading.token, leading.renewals + 1);
            self.send_write(now, Purpose::Renew, self.view.revision(), record);
        }
    }

    pub(super) fn send_release(&mut self, now: Moment) {
        let record = self.record().released(self.view.floor());
        self.send_write(now, Purpose::Release, self.view.revision(), record);
    }

    fn record(&self) -> Record {
        let me = &self.me;
        Record::acquiring(
            &me.id,
            &me.session,
            me.address.as_deref(),
            me.timing.lease,
            self.view.floor(),
        )
    }

    fn send_write(&mut self, now: Moment, purpose: Purpose, expected: u64, record: Record) {
        let believed = self.view.revision();
        let write = Write {
            purpose,
            expected,
            believed,
            record: record.clone(),
        };
        let attempt = self.send(now, Kind::Write(write));
        self.actions.push_back(Action::Write {
            attempt,
            expected,
            record,
        });
    }

    fn send(&mut self, now: Moment, kind: Kind) -> u64 {
        self.attempts += 1;
        let attempt = self.attempts;
        self.request = Some(Request {
            attempt,
            kind,
            sent_at: now,
        });
        attempt
    }

    /// A first refusal is followed up at once, since it says that there is news; a second one without
    /// news in between is not.
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

    pub(super) fn notice(&mut self, notice: Notice) {
        self.actions.push_back(Action::Notice(notice));
    }

    pub(super) fn with_rules<T>(&mut self, f: impl FnOnce(&mut View, &mut Rules<'_>) -> T) -> T {
        let mut notices = Vec::new();
        let mut rules = Rules {
            timing: &self.me.timing,
            session: &self.me.session,
            trust_absent_key: self.me.trust_absent_key,
            rng: &mut self.rng,
            notices: &mut notices,
        };
        let result = f(&mut self.view, &mut rules);
        self.actions.extend(notices.into_iter().map(Action::Notice));
        result
    }

    /// The record of another candidate in the key, and until when its lease may run.
    pub(super) fn foreign_record(&self) -> Option<(&Record, Moment)> {
        let sighting = self.view.sighting()?;
        match &sighting.content {
            Content::Held(record) if record.session != self.me.session => {
                let until = self
                    .me
                    .timing
                    .held_until(sighting.first_seen, record.lease());
                Some((record, until))
            }
            _ => None,
        }
    }
}

fn strongest(a: Then, b: Then) -> Then {
    if a == Then::Stop { a } else { b }
}
