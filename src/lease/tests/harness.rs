//! A driver for one machine. The test provides its clock and its server.

use super::super::*;
pub(super) use super::fixtures::*;
use crate::clock::{Moment, WallTime};

/// A machine, its clock, and its last request.
pub(super) struct Driver {
    pub(super) machine: Machine,
    pub(super) now: Moment,
    pub(super) wall: Option<WallTime>,
    pub(super) write_id: WriteId,
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
            wall: None,
            write_id: ID,
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

    /// A candidate whose acquiring write was sent at time 0, over a released record.
    pub(super) fn acquiring(candidate: Candidate) -> Self {
        Self::that_read(candidate, holds(BEFORE, &released()))
    }

    /// A leader whose acquiring write was sent at time 0 and acknowledged at once.
    pub(super) fn leading() -> Self {
        Self::leading_as(candidate())
    }

    pub(super) fn leading_as(candidate: Candidate) -> Self {
        let mut driver = Self::acquiring(candidate);
        driver.acknowledge(TOKEN);
        driver
    }

    /// A leader whose first renewal is in progress.
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

    pub(super) fn status(&self) -> Status {
        self.machine.status(self.now)
    }

    pub(super) fn leads(&self) -> bool {
        matches!(self.status(), Status::Leader { .. })
    }

    pub(super) fn follows(&self) -> bool {
        matches!(self.status(), Status::Follower { .. })
    }

    /// The other candidate that leads, as far as this candidate knows.
    pub(super) fn leader(&self) -> Option<LeaderInfo> {
        self.leader_at(self.now)
    }

    pub(super) fn leader_at(&self, now: Moment) -> Option<LeaderInfo> {
        match self.machine.status(now) {
            Status::Follower { leader } => leader,
            _ => None,
        }
    }

    /// Milliseconds since the start of the test.
    pub(super) fn elapsed(&self) -> u64 {
        u64::try_from(self.now.saturating_since(at(0)).as_millis()).unwrap()
    }

    pub(super) fn feed(&mut self, input: Input) -> Vec<Action> {
        let readings = Readings {
            now: self.now,
            wall: self.wall,
            write_id: self.write_id,
        };
        self.machine.handle(readings, input);
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

    /// Advances the clock to the machine's timeout, rounded up to a millisecond, and sends a tick.
    pub(super) fn wake(&mut self) -> Vec<Action> {
        let wanted = self.machine.poll_timeout().unwrap();
        let whole_ms = wanted.as_nanos().next_multiple_of(1_000_000);
        self.now = self.now.max(Moment::from_nanos(whole_ms));
        self.tick()
    }

    /// Wakes the machine until it returns a wanted action, without a response to any request.
    pub(super) fn wake_until(&mut self, wanted: impl Fn(&Action) -> bool) -> Vec<Action> {
        for _ in 0..100 {
            let actions = self.wake();
            if actions.iter().any(&wanted) {
                return actions;
            }
        }
        panic!("the wanted action does not come");
    }

    /// Wakes a follower until `until_ms`. Each of its reads shows `seen`, and it must not write.
    pub(super) fn keep_reading(&mut self, seen: &Observation, until_ms: u64) {
        while self
            .machine
            .poll_timeout()
            .is_some_and(|t| t < at(until_ms))
        {
            let write = self.read_or_write(seen);
            assert_eq!(write, None, "at {} ms", self.elapsed());
        }
    }

    /// Wakes a follower until it writes. Each of its reads shows `seen`. Returns the time of the write in ms, the
    /// expected revision and the record.
    pub(super) fn campaign(&mut self, seen: &Observation) -> (u64, u64, Record) {
        (0..100)
            .find_map(|_| self.read_or_write(seen))
            .expect("a campaign")
    }

    fn read_or_write(&mut self, seen: &Observation) -> Option<(u64, u64, Record)> {
        let mut write = None;
        for action in self.wake() {
            match action {
                Action::Read { .. } => assert_eq!(self.answer(seen.clone()), []),
                Action::Write {
                    expected, record, ..
                } => write = Some((self.elapsed(), expected, record)),
                action => panic!("{action:?} at {} ms", self.elapsed()),
            }
        }
        write
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

    /// The expected revision and the record of the last write.
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
