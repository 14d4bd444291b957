//! Several machines, each with its own clock, over one register and a network that loses, delays and
//! repeats. A run follows from its seed.
//!
//! `NOLEADER_SEEDS=20000 cargo test --release simulation` runs more seeds than a plain test does.

mod network;
mod node;
mod trouble;
mod world;

use std::time::Duration;

use self::world::World;
use super::{super::*, harness::ms};

const SEEDS: u64 = 500;
const LEASE: Duration = ms(500);
/// A run, in microseconds.
const RUN: u64 = 10_000_000;

#[test]
fn no_two_gates_are_open_and_tokens_only_grow() {
    let seeds = std::env::var("NOLEADER_SEEDS").map_or(SEEDS, |seeds| seeds.parse().unwrap());
    let mut terms = 0;
    for seed in 0..seeds {
        let on_failure = NameSeed(seed);
        let mut world = World::new(seed);
        world.run();
        terms += world.terms;
        drop(on_failure);
    }
    assert!(
        terms > 5 * seeds,
        "the runs hardly elect: {terms} terms in {seeds} runs"
    );
}

struct NameSeed(u64);

impl Drop for NameSeed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the simulation failed with seed {}", self.0);
        }
    }
}

/// What may happen in a run. What is promised depends on it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Plan {
    /// Others remove and overwrite the record, with a trace and without; all leases are equal.
    Removals,
    /// Every candidate has its own lease; nobody else touches the record.
    UnequalLeases,
    /// Once, the server loses the stream, and counts from the start again. From then on the network is
    /// reliable, and only the tokens are checked, as long as a candidate lives that saw the last one.
    DataLoss,
}

impl Plan {
    fn of(seed: u64) -> Self {
        match seed % 4 {
            0 | 1 => Self::Removals,
            2 => Self::UnequalLeases,
            _ => Self::DataLoss,
        }
    }

    fn lease(self, rng: &mut fastrand::Rng) -> Duration {
        match self {
            Self::UnequalLeases => LEASE.mul_f64([0.5, 1.0, 1.5][rng.usize(0..3)]),
            Self::Removals | Self::DataLoss => LEASE,
        }
    }
}

fn candidate(lease: Duration, warm_up: bool) -> Candidate {
    Candidate {
        id: "node".to_owned(),
        session: String::new(),
        address: None,
        timing: Timing {
            lease,
            guard: lease / 20,
            renew_every: lease / 3,
            request_timeout: lease / 6,
            drain_timeout: lease / 4,
            campaign_delay: ms(5),
        },
        observer: false,
        warm_up,
        trust_absent_key: false,
    }
}
