//! The machine survives any inputs in any order, also those that no correct task feeds it.

use super::{super::*, harness::*};

const SEEDS: u64 = 300;
const STEPS: usize = 300;
/// At one moment, so many ticks do all that is due.
const MOST_TICKS: usize = 4;

#[test]
fn never_panics_spins_or_stops_waking() {
    for seed in 0..SEEDS {
        let mut walk = Walk::new(seed);
        for _ in 0..STEPS {
            walk.step();
            walk.check_timeout();
        }
    }
}

struct Walk {
    seed: u64,
    d: Driver,
    rng: fastrand::Rng,
    revision: u64,
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
            seed,
            d: Driver::seeded(candidate, seed),
            rng,
            revision: 7,
        }
    }

    fn step(&mut self) {
        let now = self.d.now;
        let timeout = self.d.machine.poll_timeout().unwrap_or(now);
        self.d.now = match self.rng.u8(0..8) {
            0..4 => now + ms(self.rng.u64(0..50)),
            4..7 => timeout.max(now),
            _ => now + ms(self.rng.u64(0..2 * LEASE)),
        };
        let input = self.input();
        self.d.feed(input);
    }

    /// Mostly of the last request and of the present term.
    fn input(&mut self) -> Input {
        let attempt = (self.d.attempt()).saturating_sub(u64::from(self.rng.u8(0..10) == 0));
        let present = self.d.machine.token().unwrap_or_default();
        let token = self
            .rng
            .choice([0, present, present, self.revision])
            .unwrap();
        match self.rng.u8(0..20) {
            0..2 => Input::Pushed(self.seen()),
            2..6 => {
                let seen = (self.rng.u8(0..5) > 0).then(|| self.seen());
                Input::Read { attempt, seen }
            }
            6..11 => {
                let outcome = self.outcome();
                Input::Written { attempt, outcome }
            }
            11 => {
                let ready = self.rng.bool();
                Input::Warmed { token, ready }
            }
            12 => Input::Drained { token },
            13 => Input::Expired { token },
            14 if self.rng.u8(0..4) == 0 => Input::StepDown,
            15 if self.rng.u8(0..40) == 0 => Input::Shutdown,
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
        let revision = self.revision - self.rng.u64(0..3);
        match self.rng.u8(0..6) {
            0 => holds(revision, &theirs(LEASE).renewed(revision, 1)),
            1 => holds(revision, &released()),
            2 => holds(revision, &mine(revision)),
            3 => absent(revision),
            4 => absent(0),
            _ => garbage(revision),
        }
    }

    fn check_timeout(&mut self) {
        let (seed, stopped) = (self.seed, self.d.machine.is_stopped());
        for _ in 0..MOST_TICKS {
            self.d.feed(Input::Tick);
            match self.d.machine.poll_timeout() {
                None => return assert!(stopped, "seed {seed}: never wakes"),
                Some(_) if stopped => panic!("seed {seed}: stopped, but wakes"),
                Some(at) if at > self.d.now => return,
                Some(_) => {}
            }
        }
        panic!("seed {seed}: a busy loop");
    }
}
