//! A driver for one machine, whose clock and server are the test itself.

use std::time::Duration;

use super::super::*;
use crate::clock::Moment;

pub(super) const LEASE: u64 = 15_000;
pub(super) const GUARD: u64 = 750;
pub(super) const REQUEST_TIMEOUT: u64 = 2_500;
pub(super) const DRAIN_TIMEOUT: u64 = 5_000;
/// Where the record stands that [`Driver::leading`] replaces; its term follows it.
pub(super) const BEFORE: u64 = 7;
pub(super) const TOKEN: u64 = 8;

pub(super) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The moment `ms` milliseconds after the start of a test.
pub(super) fn at(ms: u64) -> Moment {
    Moment::from_nanos(1_000_000_000_000) + Duration::from_millis(ms)
}

/// The settings that a lease of 15 s has by default, without the jitter of campaigns.
pub(super) fn candidate() -> Candidate {
    Candidate {
        id: "me".to_owned(),
        session: "mine".to_owned(),
        address: None,
        timing: Timing {
            lease: ms(LEASE),
            guard: ms(GUARD),
            renew_every: ms(5_000),
            request_timeout: ms(REQUEST_TIMEOUT),
            drain_timeout: ms(DRAIN_TIMEOUT),
            campaign_delay: Duration::ZERO,
        },
        observer: false,
        warm_up: false,
        trust_absent_key: false,
    }
}

/// One machine, the time on its clock, and the attempt of its last request.
pub(super) struct Driver {
    pub(super) machine: Machine,
    pub(super) now: Moment,
    attempt: u64,
    expected: u64,
    written: Option<Record>,
}

impl Driver {
    pub(super) fn new() -> Self {
        Self::with(candidate())
    }

    pub(super) fn with(candidate: Candidate) -> Self {
        Self::seeded(candidate, 1)
    }

    pub(super) fn seeded(candidate: Candidate, seed: u64) -> Self {
        Self {
            machine: Machine::new(candidate, seed),
            now: at(0),
            attempt: 0,
            expected: 0,
            written: None,
        }
    }

    /// A candidate that has just read the key.
    pub(super) fn that_read(candidate: Candidate, seen: Observation) -> Self {
        let mut driver = Self::with(candidate);
        assert_eq!(driver.tick(), [read(1)]);
        driver.answer(seen);
        driver
    }

    /// A follower of `record`, which it first saw at revision 7 and time 0.
    pub(super) fn following(record: &Record) -> Self {
        Self::that_read(candidate(), holds(BEFORE, record))
    }

    /// A candidate whose acquiring write left at time 0, over a released record.
    pub(super) fn acquiring(candidate: Candidate) -> Self {
        Self::that_read(candidate, holds(BEFORE, &released()))
    }

    /// A leader whose acquiring write left at time 0 and was acknowledged at the same time.
    pub(super) fn leading() -> Self {
        Self::leading_as(candidate())
    }

    pub(super) fn leading_as(candidate: Candidate) -> Self {
        let mut driver = Self::acquiring(candidate);
        driver.acknowledge(TOKEN);
        driver
    }

    /// A leader whose first renewal is under way.
    pub(super) fn renewing() -> Self {
        let mut driver = Self::leading();
        let actions = driver.wake();
        assert_eq!(actions, [driver.write(TOKEN, renewed(TOKEN, 1))]);
        driver
    }

    pub(super) fn at(&mut self, ms: u64) -> &mut Self {
        self.now = at(ms);
        self
    }

    /// Milliseconds since the start of the test.
    pub(super) fn elapsed(&self) -> u64 {
        u64::try_from(self.now.saturating_since(at(0)).as_millis()).unwrap()
    }

    pub(super) fn feed(&mut self, input: Input) -> Vec<Action> {
        self.machine.handle(self.now, input);
        let actions: Vec<_> = std::iter::from_fn(|| self.machine.poll_action()).collect();
        for action in &actions {
            match action {
                Action::Read { attempt } => self.attempt = *attempt,
                Action::Write {
                    attempt,
                    expected,
                    record,
                } => {
                    self.attempt = *attempt;
                    self.expected = *expected;
                    self.written = Some(record.clone());
                }
                _ => {}
            }
        }
        actions
    }

    pub(super) fn tick(&mut self) -> Vec<Action> {
        self.feed(Input::Tick)
    }

    pub(super) fn tick_at(&mut self, ms: u64) -> Vec<Action> {
        self.at(ms).tick()
    }

    /// Sleeps until the machine wants to be woken, and wakes it.
    pub(super) fn wake(&mut self) -> Vec<Action> {
        self.now = self.now.max(self.machine.poll_timeout().unwrap());
        self.tick()
    }

    /// Wakes the machine until it asks for something, and answers no request meanwhile.
    pub(super) fn wake_until(&mut self, wanted: impl Fn(&Action) -> bool) -> Vec<Action> {
        for _ in 0..100 {
            let actions = self.wake();
            if actions.iter().any(&wanted) {
                return actions;
            }
        }
        panic!("it never happened");
    }

    /// As a follower, reads the same state of the key over and over until `ms`, and then campaigns or not.
    pub(super) fn keep_reading(&mut self, seen: &Observation, until_ms: u64) {
        while self
            .machine
            .poll_timeout()
            .is_some_and(|t| t < at(until_ms))
        {
            for action in self.wake() {
                match action {
                    Action::Read { .. } => assert_eq!(self.answer(seen.clone()), []),
                    action => panic!("{action:?} at {} ms", self.elapsed()),
                }
            }
        }
    }

    pub(super) fn push(&mut self, seen: Observation) -> Vec<Action> {
        self.feed(Input::Pushed(seen))
    }

    pub(super) fn answer(&mut self, seen: Observation) -> Vec<Action> {
        let attempt = self.attempt;
        self.feed(Input::Read {
            attempt,
            seen: Some(seen),
        })
    }

    pub(super) fn fail_read(&mut self) -> Vec<Action> {
        let attempt = self.attempt;
        self.feed(Input::Read {
            attempt,
            seen: None,
        })
    }

    pub(super) fn acknowledge(&mut self, revision: u64) -> Vec<Action> {
        self.end_write(Outcome::Acknowledged(revision))
    }

    pub(super) fn end_write(&mut self, outcome: Outcome) -> Vec<Action> {
        let attempt = self.attempt;
        self.feed(Input::Written { attempt, outcome })
    }

    pub(super) fn warmed(&mut self, token: u64, ready: bool) -> Vec<Action> {
        self.feed(Input::Warmed { token, ready })
    }

    /// The attempt of the last request.
    pub(super) fn attempt(&self) -> u64 {
        self.attempt
    }

    /// The record that was written last, and the revision it was to replace.
    pub(super) fn written(&self) -> (u64, &Record) {
        (self.expected, self.written.as_ref().unwrap())
    }

    /// The last request, if it was this read.
    pub(super) fn read(&self) -> Action {
        read(self.attempt)
    }

    /// The last request, if it was this write.
    pub(super) fn write(&self, expected: u64, record: Record) -> Action {
        write(self.attempt, expected, record)
    }
}

pub(super) fn read(attempt: u64) -> Action {
    Action::Read { attempt }
}

pub(super) fn write(attempt: u64, expected: u64, record: Record) -> Action {
    Action::Write {
        attempt,
        expected,
        record,
    }
}

pub(super) fn is_read(action: &Action) -> bool {
    matches!(action, Action::Read { .. })
}

pub(super) fn is_write(action: &Action) -> bool {
    matches!(action, Action::Write { .. })
}

pub(super) fn begin(token: u64, deadline_ms: u64) -> Action {
    Action::Begin {
        token,
        deadline: at(deadline_ms),
    }
}

pub(super) fn end(why: Ended) -> Action {
    Action::End { why }
}

pub(super) fn absent_for(ms: u64) -> Action {
    Action::Notice(Notice::KeyAbsent {
        wait: Duration::from_millis(ms),
    })
}

pub(super) fn data_lost(seen: u64, found: u64) -> Action {
    Action::Notice(Notice::DataLost { seen, found })
}

/// An acquiring record of this candidate, written when `floor` was the highest token it knew.
pub(super) fn mine(floor: u64) -> Record {
    Record::acquiring("me", "mine", None, ms(LEASE), floor)
}

/// The renewal number `renewal` of this candidate's term `token`.
pub(super) fn renewed(token: u64, renewal: u64) -> Record {
    mine(token).renewed(token, renewal)
}

/// What this candidate leaves behind after its term `token`.
pub(super) fn given_back(token: u64) -> Record {
    mine(token).released(token)
}

/// An acquiring record of another candidate.
pub(super) fn theirs(lease_ms: u64) -> Record {
    Record::acquiring(
        "other",
        "theirs",
        Some("http://other"),
        ms(lease_ms),
        BEFORE - 1,
    )
}

/// What another candidate left behind after its term 7.
pub(super) fn released() -> Record {
    theirs(LEASE).released(BEFORE)
}

pub(super) fn holds(revision: u64, record: &Record) -> Observation {
    Observation {
        revision,
        value: Some(record.encode()),
    }
}

/// A key that was deleted, with a marker at `revision`, or removed without a trace, at 0.
pub(super) fn absent(revision: u64) -> Observation {
    Observation {
        revision,
        value: None,
    }
}

pub(super) fn garbage(revision: u64) -> Observation {
    Observation {
        revision,
        value: Some(b"hello".to_vec()),
    }
}
