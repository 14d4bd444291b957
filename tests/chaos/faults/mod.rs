//! Starts one fault, and ends it.

mod key;
mod network;
mod process;
mod servers;

use noleader_fixture::Direction;

use crate::{
    cast::{CANDIDATES, COPYABLE, Cast},
    clock::{nanos, now},
    plan::{Aim, Fault, Step},
    traffic::Traffic,
};

pub(crate) use {
    key::purge,
    process::{ask_for_copy, hand_over, step_down},
    servers::PUT_BACK,
};

/// The target of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    Candidate(usize),
    Server(usize),
    Servers,
    Key,
}

impl Lane {
    /// The kind of the target, as a label.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Candidate(_) => "candidate:",
            Self::Server(_) => "server:",
            Self::Servers => "cluster:",
            Self::Key => "key:",
        }
    }
}

/// A completed fault.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) name: &'static str,
    pub(crate) lane: Lane,
    pub(crate) from: u64,
    pub(crate) until: u64,
    /// Whether no renewal could reach the candidate during the fault.
    pub(crate) silent: bool,
    /// Whether the fault is known to have had an effect.
    pub(crate) took: bool,
}

impl Done {
    fn silent(self) -> Self {
        Self {
            silent: true,
            ..self
        }
    }

    fn taken(self, took: bool) -> Self {
        Self { took, ..self }
    }

    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.from < other.until && other.from < self.until
    }
}

/// A fault in progress.
struct Span {
    name: &'static str,
    lane: Lane,
    from: u64,
}

impl Span {
    fn begin(name: &'static str, lane: Lane) -> Self {
        let from = now();
        Self { name, lane, from }
    }

    /// Panics if the fault has taken longer than `bound`.
    fn check(&self, bound: std::time::Duration) {
        assert!(
            now() - self.from < nanos(bound),
            "{} did not end within the bound",
            self.name
        );
    }

    /// Must be called before the fault is undone.
    fn end(self) -> Done {
        Done {
            name: self.name,
            lane: self.lane,
            from: self.from,
            until: now(),
            silent: false,
            took: true,
        }
    }
}

/// Runs one fault. `None` if its target was busy with another fault of this kind.
pub(crate) async fn inflict(cast: &Cast, step: Step, traffic: &Traffic) -> Option<Done> {
    let Step {
        fault, aim, lasts, ..
    } = step;
    let target = match aim {
        Aim::Leader if fault.is_of_candidate() => traffic.leader().await,
        Aim::Leader => 0,
        Aim::Number(number) => number % CANDIDATES,
    };
    let target = match fault {
        Fault::Copy { .. } => target % COPYABLE,
        _ => target,
    };
    let candidate = &cast.candidates[target];
    match fault {
        Fault::Kill => process::kill(candidate, lasts).await,
        Fault::Stop => process::stop(candidate, lasts).await,
        Fault::Copy { original_dies } => process::copy(candidate, original_dies, lasts).await,
        Fault::StepDown => Some(step_down(candidate).await),
        Fault::ShutDown => process::shut_down(candidate).await,
        Fault::Cut { direction, late } => {
            let name = match direction {
                Direction::ToServer => "cut out",
                Direction::ToClient => "cut in",
                Direction::Both => "cut",
            };
            network::cut(candidate, name, direction, late, lasts).await
        }
        Fault::Slow { by } => network::slow(candidate, by, lasts).await,
        Fault::Delete { number } => Some(key::delete(cast, number).await),
        Fault::DeleteAll => Some(key::delete_all(cast).await),
        Fault::Purge => Some(purge(cast).await),
        Fault::Empty => Some(key::empty(cast).await),
        Fault::RemoveBucket => Some(key::remove_bucket(cast).await),
        Fault::KillServer => servers::kill(cast, aim, lasts).await,
        Fault::RestartServer => servers::restart(cast, aim, lasts).await,
        Fault::PauseServer => servers::pause(cast, aim, lasts).await,
        Fault::MoveStream => Some(servers::move_stream(cast).await),
        Fault::RestartCluster => servers::restart_all(cast, lasts / 3).await,
        Fault::PutBack => servers::put_back(cast, lasts).await,
    }
}
