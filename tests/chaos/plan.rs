//! Which faults happen when: all of it follows from the seed.

use std::{ops::Range, time::Duration};

use fastrand::Rng;
use noleader_fixture::Direction;

use crate::candidate::LEASE;

/// Something that goes wrong, or that somebody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A candidate gets a SIGKILL, and is started again.
    Kill,
    /// A candidate gets a SIGSTOP, and a SIGCONT.
    Stop,
    /// A candidate is cut off from the servers. What is late arrives in the end; otherwise it is lost.
    Cut { direction: Direction, late: bool },
    /// A candidate's network is slow.
    Slow { by: Duration },
    /// A candidate is asked to hand over.
    StepDown,
    /// A candidate is asked to leave, and is started again.
    ShutDown,
    /// As `nats kv del`.
    Delete,
    /// As `nats kv purge`.
    Purge,
    /// As `nats stream purge`: no message is left.
    Empty,
    /// A server gets a SIGKILL, and is started again.
    KillServer,
    /// A server gets a SIGTERM, and is started again.
    RestartServer,
    /// A server gets a SIGSTOP, and a SIGCONT.
    PauseServer,
    /// The stream's leader is asked to step down.
    MoveStream,
    /// All servers get a SIGKILL, and are started again.
    RestartCluster,
}

impl Fault {
    /// Whether it hits one of the candidates.
    pub(crate) fn is_of_candidate(self) -> bool {
        matches!(
            self,
            Self::Kill
                | Self::Stop
                | Self::Cut { .. }
                | Self::Slow { .. }
                | Self::StepDown
                | Self::ShutDown
        )
    }
}

/// Who is hit: whoever leads then, or one of them whatever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    Leader,
    Number(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) at: Duration,
    pub(crate) fault: Fault,
    pub(crate) aim: Aim,
    pub(crate) lasts: Duration,
}

/// Faults around the candidates and their record, in the share in which they occur.
const OF_CANDIDATES: [Fault; 17] = [
    Fault::Stop,
    Fault::Kill,
    Fault::Kill,
    Fault::Stop,
    Fault::Stop,
    Fault::Stop,
    cut(Direction::ToServer),
    cut(Direction::ToClient),
    cut(Direction::Both),
    Fault::Slow { by: Duration::ZERO },
    Fault::StepDown,
    Fault::StepDown,
    Fault::StepDown,
    Fault::ShutDown,
    Fault::Delete,
    Fault::Purge,
    Fault::Empty,
];

const OF_SERVERS: [Fault; 5] = [
    Fault::KillServer,
    Fault::RestartServer,
    Fault::PauseServer,
    Fault::MoveStream,
    Fault::RestartCluster,
];

/// Seconds between two faults. The longest times a deck are less than a minute, so that a minute has them all.
const CANDIDATES_GAP: Range<f64> = 0.2..3.5;
const SERVERS_GAP: Range<f64> = 5.0..11.9;

const fn cut(direction: Direction) -> Fault {
    Fault::Cut {
        direction,
        late: false,
    }
}

/// The faults of a run, in the order of their times.
pub(crate) fn plan(seed: u64, length: Duration) -> Vec<Step> {
    let mut rng = Rng::with_seed(seed);
    let mut steps = series(&mut rng, length, &OF_CANDIDATES, CANDIDATES_GAP);
    steps.extend(series(&mut rng, length, &OF_SERVERS, SERVERS_GAP));
    steps.sort_by_key(|step| step.at);
    steps
}

/// Deals a shuffled deck after the other, so that a short run has as many kinds of faults as it can.
fn series(rng: &mut Rng, length: Duration, deck: &[Fault], gap: Range<f64>) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut at = Duration::ZERO;
    loop {
        let mut deck = deck.to_vec();
        rng.shuffle(&mut deck);
        for fault in deck {
            at += Duration::from_secs_f64(between(rng, &gap));
            if at >= length {
                return steps;
            }
            steps.push(step(rng, at, fault));
        }
    }
}

fn step(rng: &mut Rng, at: Duration, fault: Fault) -> Step {
    let fault = match fault {
        Fault::Cut { direction, .. } => Fault::Cut {
            direction,
            late: rng.bool(),
        },
        Fault::Slow { .. } => Fault::Slow {
            by: Duration::from_millis(rng.u64(50..600)),
        },
        other => other,
    };
    let aim = if rng.u8(..4) < 3 {
        Aim::Leader
    } else {
        Aim::Number(rng.usize(..))
    };
    Step {
        at,
        fault,
        aim,
        lasts: LEASE.mul_f64(between(rng, &(0.1..3.0))),
    }
}

fn between(rng: &mut Rng, range: &Range<f64>) -> f64 {
    range.start + rng.f64() * (range.end - range.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(60);

    /// Apart from what is drawn for each.
    fn is_alike(one: Fault, other: Fault) -> bool {
        match (one, other) {
            (Fault::Cut { direction: one, .. }, Fault::Cut { direction, .. }) => one == direction,
            (Fault::Slow { .. }, Fault::Slow { .. }) => true,
            _ => one == other,
        }
    }

    /// So that none is left out of the decks.
    #[test]
    fn all_kinds_are_dealt() {
        let kinds = [
            Fault::Kill,
            Fault::Stop,
            cut(Direction::ToServer),
            cut(Direction::ToClient),
            cut(Direction::Both),
            Fault::Slow { by: Duration::ZERO },
            Fault::StepDown,
            Fault::ShutDown,
            Fault::Delete,
            Fault::Purge,
            Fault::Empty,
            Fault::KillServer,
            Fault::RestartServer,
            Fault::PauseServer,
            Fault::MoveStream,
            Fault::RestartCluster,
        ];
        for kind in kinds {
            assert!(
                OF_CANDIDATES.contains(&kind) || OF_SERVERS.contains(&kind),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn a_seed_is_a_plan() {
        assert_eq!(plan(7, LENGTH), plan(7, LENGTH));
        assert_ne!(plan(7, LENGTH), plan(8, LENGTH));
    }

    #[test]
    fn a_minute_has_every_fault_and_some_that_overlap() {
        for seed in 0..2000 {
            let steps = plan(seed, LENGTH);
            for kind in OF_CANDIDATES.iter().chain(&OF_SERVERS) {
                let is_dealt = steps.iter().any(|step| is_alike(step.fault, *kind));
                assert!(is_dealt, "seed {seed} has no {kind:?}");
            }
            assert!(steps.is_sorted_by_key(|step| step.at));
            assert!(steps.iter().all(|step| step.at < LENGTH));
            let overlaps = |pair: &[Step]| pair[0].at + pair[0].lasts > pair[1].at;
            assert!(steps.windows(2).any(overlaps), "seed {seed}");
        }
    }
}
