//! Random walks: invariants that hold for arbitrary inputs in any order.

use super::{super::*, harness::*};
use crate::clock::Moment;

const SEEDS: u64 = 300;
const STEPS: usize = 300;

#[test]
fn never_panics_spins_or_stops_waking() {
    for seed in 0..SEEDS {
        let mut walk = Walk::new(seed);
        for _ in 0..STEPS {
            walk.step();
            let asleep = walk.d.machine.poll_timeout().is_none();
            let stopped = walk.d.machine.is_stopped();
            assert_eq!(asleep, stopped, "seed {seed}");
            walk.drain_ticks();
        }
    }
}

#[test]
fn every_stop_is_settled_once() {
    for seed in 0..SEEDS {
        let mut walk = Walk::new(seed);
        for _ in 0..STEPS {
            walk.step();
            if walk.rng.u8(0..40) == 0 {
                let input = walk.one_of([Input::StepDown, Input::Shutdown]);
                walk.unsettled = true;
                walk.stopping |= input == Input::Shutdown;
                // The stop may come with the end of a term, or after it.
                walk.pass_time();
                walk.feed(input);
                if walk.rng.bool() {
                    walk.sleep_until_settled(seed);
                }
            }
        }
    }
}

/// A machine, and the state of its gate as its actions have changed it.
struct Walk {
    d: Driver,
    rng: fastrand::Rng,
    revision: u64,
    gate: Gate,
    unsettled: bool,
    /// Whether a shutdown was requested.
    stopping: bool,
    /// Whether a drain has begun.
    closed: bool,
    /// The latest end of the drain.
    drain_until: Moment,
    token: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Gate {
    None,
    Begun,
    Open,
    Closed,
    /// Draining without a term.
    Clearing,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let candidate = Candidate {
            warm_up: rng.bool(),
            observer: rng.u8(0..8) == 0,
            trust_absent_key: rng.u8(0..4) == 0,
            ..candidate()
        };
        Self {
            d: Driver::seeded(candidate, seed),
            rng,
            revision: 7,
            gate: Gate::None,
            unsettled: false,
            stopping: false,
            closed: false,
            drain_until: at(0),
            token: 0,
        }
    }

    fn step(&mut self) {
        self.pass_time();
        let input = self.input();
        self.feed(input);
    }

    fn pass_time(&mut self) {
        let timeout = self.d.machine.poll_timeout().unwrap_or(self.d.now);
        self.d.now = match self.rng.u8(0..8) {
            0..4 => self.d.now + ms(self.rng.u64(0..50)),
            4..7 => timeout.max(self.d.now),
            _ => self.d.now + ms(self.rng.u64(0..2 * LEASE)),
        };
    }

    fn input(&mut self) -> Input {
        let attempt = self.d.attempt() - u64::from(self.rng.u8(0..10) == 0 && self.d.attempt() > 0);
        let token = self.d.machine.token().unwrap_or(self.token);
        match self.rng.u8(0..20) {
            0..6 => Input::Tick,
            6..8 => Input::Pushed(self.seen()),
            8..11 => {
                let seen = (self.rng.u8(0..5) > 0).then(|| self.seen());
                Input::Read { attempt, seen }
            }
            11..16 => Input::Written {
                attempt,
                outcome: self.outcome(),
            },
            16 => Input::Warmed {
                token,
                ready: self.rng.bool(),
            },
            17 if self.gate == Gate::Clearing => Input::Drained { token: 0 },
            17 => Input::Drained { token },
            18 => Input::Expired { token },
            _ => Input::Tick,
        }
    }

    fn outcome(&mut self) -> Outcome {
        match self.rng.u8(0..8) {
            0..5 => {
                self.revision += self.rng.u64(1..3);
                Outcome::Acknowledged(self.revision - self.rng.u64(0..8).saturating_sub(6))
            }
            5 => Outcome::Conflict,
            6 => Outcome::Failed,
            _ => Outcome::Unknown,
        }
    }

    fn seen(&mut self) -> Observation {
        self.revision += self.rng.u64(0..3);
        let revision = self.revision - self.rng.u64(0..=2).min(self.revision);
        match self.rng.u8(0..6) {
            0 => holds(revision, &theirs(LEASE).renewed(revision, 1)),
            1 => holds(revision, &released()),
            2 => holds(revision, &mine(revision)),
            3 => absent(revision),
            4 => absent(0),
            _ => garbage(revision),
        }
    }

    fn one_of<const N: usize>(&mut self, inputs: [Input; N]) -> Input {
        let chosen = self.rng.usize(0..N);
        inputs.into_iter().nth(chosen).unwrap()
    }

    fn feed(&mut self, input: Input) -> Vec<Action> {
        let cleared = input == Input::Drained { token: 0 };
        let actions = self.d.feed(input);
        if self.gate == Gate::Clearing && cleared {
            self.gate = Gate::None;
        }
        for action in &actions {
            self.follow(action);
        }
        actions
    }

    /// Checks that an action is allowed in the current state, and follows it.
    fn follow(&mut self, action: &Action) {
        if self.gate == Gate::Clearing && self.d.now >= self.drain_until {
            self.gate = Gate::None;
        }
        self.gate = match (self.gate, action) {
            (Gate::None, Action::Begin { token, deadline }) => {
                assert!(*token > self.token && *deadline > self.d.now);
                self.token = *token;
                Gate::Begun
            }
            (Gate::Begun, Action::WarmUp) => Gate::Begun,
            (Gate::Begun, Action::Open) => Gate::Open,
            (Gate::Begun | Gate::Open | Gate::None, Action::Close) => {
                // A term that is lost while draining is closed a second time.
                if !self.closed {
                    self.drain_until = self.d.now + ms(DRAIN_TIMEOUT);
                }
                self.closed = true;
                match self.gate {
                    Gate::None => Gate::Clearing,
                    _ => Gate::Closed,
                }
            }
            (gate @ (Gate::Begun | Gate::Open | Gate::Closed), Action::Extend { deadline }) => {
                assert!(*deadline > self.d.now);
                gate
            }
            (gate @ (Gate::Begun | Gate::Open | Gate::Closed), Action::End { why }) => {
                assert!(*why != Ended::Released || gate == Gate::Closed);
                Gate::None
            }
            (Gate::None, Action::Settled(_)) => {
                assert!(self.unsettled || self.closed, "settled twice");
                let stopped = self.d.machine.is_stopped();
                assert!(stopped || !self.stopping, "answered before it has stopped");
                self.unsettled = false;
                self.closed = false;
                Gate::None
            }
            (gate, Action::Write { record, .. }) => {
                let marks = record.vacant && gate == Gate::Clearing;
                assert!(record.holder.is_some() || marks || gate == Gate::None);
                gate
            }
            (gate, Action::Read { .. } | Action::Notice(_)) => gate,
            (gate, action) => panic!("{action:?} while {gate:?}"),
        };
    }

    /// After a few ticks, nothing is due any more.
    fn drain_ticks(&mut self) {
        for _ in 0..4 {
            self.feed(Input::Tick);
            if self
                .d
                .machine
                .poll_timeout()
                .is_none_or(|at| at > self.d.now)
            {
                return;
            }
        }
        panic!("a busy loop");
    }

    /// Sends ticks only, and no response of the store.
    fn sleep_until_settled(&mut self, seed: u64) {
        let latest = self.d.now + ms(DRAIN_TIMEOUT + 3 * REQUEST_TIMEOUT);
        while self.unsettled {
            let at = self
                .d
                .machine
                .poll_timeout()
                .unwrap_or(Moment::from_nanos(u64::MAX));
            assert!(at <= latest, "seed {seed}: never settled");
            self.d.now = self.d.now.max(at);
            self.feed(Input::Tick);
        }
    }
}
