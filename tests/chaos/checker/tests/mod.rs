//! The checker finds each violation, and reports no correct history.

mod drain;
mod order;
mod shards;
mod silence;
mod writes;

use super::*;
use crate::{
    history::{Copied, Holder, Reader},
    log::{Entry, TermId},
};

const LEASE: Duration = Duration::from_nanos(100);

/// Logs of candidates, and what the checker finds in them.
#[derive(Default)]
struct Logs {
    history: History,
}

impl Logs {
    /// Adds the log of a process that is killed at `ended`.
    fn by(mut self, holder: Holder, ended: u64, entries: &[Entry]) -> Self {
        let mut reader = Reader::new(holder);
        for entry in entries {
            reader.add(*entry);
        }
        reader.finish(Some(ended), None, &mut self.history);
        self
    }

    /// Adds the log of a copy of [`A`], which is made at `from` and killed at 1000.
    fn copy(mut self, from: u64, entries: &[Entry]) -> Self {
        let mut reader = Reader::new(COPY);
        for entry in entries {
            reader.add(*entry);
        }
        let copied = Copied {
            original: A,
            copy: COPY,
            from,
            until: from + 1,
        };
        reader.finish(Some(1000), Some(copied), &mut self.history);
        self
    }

    fn silence(mut self, candidate: usize, from: u64, until: u64) -> Self {
        self.history.silences.push(Silence {
            candidate,
            from,
            until,
        });
        self
    }

    /// The servers lose writes.
    fn loss(mut self, at: u64) -> Self {
        self.history.losses.push(at);
        self
    }

    fn violations(&self) -> Vec<&'static str> {
        let name = |violation: &Violation| match violation {
            Violation::Overlap { .. } => "overlap",
            Violation::Backwards { .. } => "backwards",
            Violation::Regressed { .. } => "regressed",
            Violation::TwoHolders { .. } => "two holders",
            Violation::WonTwice { .. } => "won twice",
            Violation::Outlived { .. } => "outlived",
            Violation::Late { .. } => "late",
            Violation::Undrained { .. } => "undrained",
            Violation::Hasty { .. } => "hasty",
            Violation::Incomplete { .. } => "incomplete",
            Violation::Unstored { .. } => "unstored",
            Violation::StoredTwice { .. } => "stored twice",
            Violation::Died { .. } => "died",
        };
        check(&self.history, LEASE).iter().map(name).collect()
    }
}

/// A term of one election.
fn id(token: u64) -> TermId {
    TermId { shard: 0, token }
}

fn won(token: u64, at: u64) -> Entry {
    Entry::Won {
        term: id(token),
        at,
    }
}

/// A request under this token, admitted between `outside` and `inside`.
fn admitted(token: u64, number: u64, outside: u64, inside: u64) -> Entry {
    Entry::Admitted {
        id: number,
        term: id(token),
        outside,
        inside,
    }
}

/// The gate was seen open without a request.
fn open(token: u64, outside: u64, inside: u64) -> Entry {
    Entry::Open {
        term: id(token),
        outside,
        inside,
    }
}

fn lost(token: u64, at: u64) -> Entry {
    Entry::Lost {
        term: id(token),
        at,
    }
}

fn done(id: u64, at: u64) -> Entry {
    Entry::Done { id, at }
}

/// A complete hand-over.
fn handed_over(token: u64, shut: u64, released: u64) -> [Entry; 2] {
    [
        Entry::Shut {
            term: id(token),
            at: shut,
        },
        Entry::Released {
            term: id(token),
            at: released,
        },
    ]
}

const A: Holder = (0, 0);
const B: Holder = (1, 0);
/// A copy of [`A`].
const COPY: Holder = (0, 1);
