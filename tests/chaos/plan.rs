//! The schedule of the faults, which follows from the seed.

use std::{ops::Range, time::Duration};

use fastrand::Rng;
use noleader_fixture::Direction;

use crate::{candidate::LEASE, kind::Kind};

/// A failure, or an action of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A candidate is killed with SIGKILL and restarted.
    Kill,
    /// A candidate is stopped with SIGSTOP, and continued.
    Stop,
    /// A candidate is cut off from the servers. If `late`, its messages arrive afterwards; otherwise they are lost.
    Cut { direction: Direction, late: bool },
    /// A candidate's process is copied while it runs. If `original_dies`, only the copy continues.
    Copy { original_dies: bool },
    /// A candidate's network is slow.
    Slow { by: Duration },
    /// A candidate is asked to step down.
    StepDown,
    /// A candidate is asked to shut down, and is restarted.
    ShutDown,
    /// Like `nats kv del` of one of the keys.
    Delete { number: usize },
    /// The same for each key.
    DeleteAll,
    /// Like `nats kv purge`.
    Purge,
    /// Like `nats stream purge`, which leaves no message.
    Empty,
    /// Like `nats stream rm`.
    RemoveBucket,
    /// A server is killed with SIGKILL and restarted.
    KillServer,
    /// A server is terminated with SIGTERM and restarted.
    RestartServer,
    /// A server is stopped with SIGSTOP, and continued.
    PauseServer,
    /// The stream's leader is asked to step down.
    MoveStream,
    /// All servers are killed with SIGKILL and restarted.
    RestartCluster,
    /// The data of all servers is put back to a copy that was made shortly before, so that the writes since are lost.
    PutBack,
}

impl Fault {
    /// Whether the fault affects a candidate.
    pub(crate) fn is_of_candidate(self) -> bool {
        matches!(
            self,
            Self::Kill
                | Self::Stop
                | Self::Copy { .. }
                | Self::Cut { .. }
                | Self::Slow { .. }
                | Self::StepDown
                | Self::ShutDown
        )
    }
}

/// The target of a fault: the leader at that time, or a fixed one.
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

/// Faults of the candidates, each as often as it occurs per deck.
const OF_CANDIDATES: [Fault; 12] = [
    Fault::Stop,
    Fault::Kill,
    Fault::Kill,
    Fault::Stop,
    Fault::Stop,
    Fault::Stop,
    cut(Direction::ToServer),
    cut(Direction::ToClient),
    cut(Direction::Both),
    Fault::Copy {
        original_dies: false,
    },
    Fault::Slow { by: Duration::ZERO },
    Fault::ShutDown,
];

/// The rest of the deck for one election.
const OF_ELECTION: [Fault; 6] = [
    Fault::StepDown,
    Fault::StepDown,
    Fault::StepDown,
    Fault::Delete { number: 0 },
    Fault::Purge,
    Fault::Empty,
];

/// The rest of the deck for shards. A node gives its shards away when it leaves, and their bucket cannot be purged.
const OF_SHARDS: [Fault; 6] = [
    Fault::ShutDown,
    Fault::ShutDown,
    Fault::Delete { number: 0 },
    Fault::Delete { number: 0 },
    Fault::DeleteAll,
    Fault::RemoveBucket,
];

const OF_SERVERS: [Fault; 6] = [
    Fault::KillServer,
    Fault::RestartServer,
    Fault::PauseServer,
    Fault::MoveStream,
    Fault::RestartCluster,
    Fault::PutBack,
];

/// Seconds between two faults. The longest gap times the size of a deck is less than a minute, so that a run of a
/// minute contains every fault.
const CANDIDATES_GAP: Range<f64> = 0.2..3.3;
const SERVERS_GAP: Range<f64> = 4.0..9.9;

const fn cut(direction: Direction) -> Fault {
    Fault::Cut {
        direction,
        late: false,
    }
}

/// The faults of the candidates and of their records.
fn deck(kind: Kind) -> Vec<Fault> {
    let rest = match kind {
        Kind::Election(_) => OF_ELECTION,
        Kind::Shards => OF_SHARDS,
    };
    [&OF_CANDIDATES[..], &rest].concat()
}

/// The faults of a run, in order of time.
pub(crate) fn plan(kind: Kind, seed: u64, length: Duration) -> Vec<Step> {
    let mut rng = Rng::with_seed(seed);
    let mut steps = series(&mut rng, length, &deck(kind), CANDIDATES_GAP);
    steps.extend(series(&mut rng, length, &OF_SERVERS, SERVERS_GAP));
    steps.sort_by_key(|step| step.at);
    steps
}

/// Deals one shuffled deck after the other, so that even a short run has many kinds of faults.
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
        Fault::Copy { .. } => Fault::Copy {
            original_dies: rng.bool(),
        },
        Fault::Slow { .. } => Fault::Slow {
            by: Duration::from_millis(rng.u64(50..600)),
        },
        Fault::Delete { .. } => Fault::Delete {
            number: rng.usize(..),
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
    use crate::kind::Risk;

    const KINDS: [Kind; 2] = [Kind::Election(Risk::None), Kind::Shards];
    const LENGTH: Duration = Duration::from_secs(60);

    /// Compares two faults without their random parameters.
    fn is_alike(one: Fault, other: Fault) -> bool {
        match (one, other) {
            (Fault::Cut { direction: one, .. }, Fault::Cut { direction, .. }) => one == direction,
            (Fault::Copy { .. }, Fault::Copy { .. })
            | (Fault::Slow { .. }, Fault::Slow { .. })
            | (Fault::Delete { .. }, Fault::Delete { .. }) => true,
            _ => one == other,
        }
    }

    /// Guards against a kind that is missing from the decks.
    #[test]
    fn decks_contain_every_kind_of_fault() {
        let kinds = [
            Fault::Kill,
            Fault::Stop,
            cut(Direction::ToServer),
            cut(Direction::ToClient),
            cut(Direction::Both),
            Fault::Copy {
                original_dies: false,
            },
            Fault::Slow { by: Duration::ZERO },
            Fault::StepDown,
            Fault::ShutDown,
            Fault::Delete { number: 0 },
            Fault::DeleteAll,
            Fault::Purge,
            Fault::Empty,
            Fault::RemoveBucket,
            Fault::KillServer,
            Fault::RestartServer,
            Fault::PauseServer,
            Fault::MoveStream,
            Fault::RestartCluster,
            Fault::PutBack,
        ];
        for kind in kinds {
            let decks = KINDS.map(deck).concat();
            assert!(
                decks.contains(&kind) || OF_SERVERS.contains(&kind),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn plan_follows_from_the_seed() {
        for kind in KINDS {
            assert_eq!(plan(kind, 7, LENGTH), plan(kind, 7, LENGTH));
            assert_ne!(plan(kind, 7, LENGTH), plan(kind, 8, LENGTH));
        }
    }

    #[test]
    fn a_minute_has_every_fault_and_overlaps() {
        for (kind, seed) in KINDS
            .into_iter()
            .flat_map(|kind| (0..1000).map(move |seed| (kind, seed)))
        {
            let steps = plan(kind, seed, LENGTH);
            for fault in deck(kind).iter().chain(&OF_SERVERS) {
                let is_dealt = steps.iter().any(|step| is_alike(step.fault, *fault));
                assert!(is_dealt, "seed {seed} of {kind:?} has no {fault:?}");
            }
            assert!(steps.is_sorted_by_key(|step| step.at));
            assert!(steps.iter().all(|step| step.at < LENGTH));
            let overlaps = |pair: &[Step]| pair[0].at + pair[0].lasts > pair[1].at;
            assert!(steps.windows(2).any(overlaps), "seed {seed} of {kind:?}");
        }
    }
}
