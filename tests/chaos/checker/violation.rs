//! The violations that the checker can find.

use std::fmt;

use crate::{
    history::{Holder, Silence, Tenure},
    log::TermId,
    writes::{Stored, Write},
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// G1: a gate was open after a later term was won.
    Overlap { old: Tenure, new: Tenure },
    /// G2: a term was won after one with a larger token.
    Backwards { old: Tenure, new: Tenure },
    /// G2: one process won a term after one with a larger token.
    Regressed { tenure: Tenure },
    /// G2: two processes had one token.
    TwoHolders { term: TermId, holders: [Holder; 2] },
    /// G2: one process won the same term twice.
    WonTwice { tenure: Tenure },
    /// G4: a term outlived a silence longer than its lease.
    Outlived { tenure: Tenure, silence: Silence },
    /// G5: the gate was open after it had closed.
    Late { tenure: Tenure },
    /// G5: the lease was released while requests were in progress, or requests were admitted after that.
    Undrained { tenure: Tenure },
    /// G5: the next term was won before the requests of a term that was handed over had ended.
    Hasty { old: Tenure, new: Tenure },
    /// The log lacks the start or the end of a term, so that the checks above do not cover it.
    Incomplete { tenure: Tenure },
    /// A write that was accepted is not in the storage of its shard under its token.
    Unstored { write: Write },
    /// The storage has accepted one write twice.
    StoredTwice { writes: [Stored; 2] },
    /// A process panicked, or its election ended unexpectedly.
    Died { holder: Holder },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overlap { old, new } => write!(
                f,
                "G1, two gates: term {} was open at {} or later, and term {} won at {} or before\n  {old:?}\n  {new:?}",
                old.term,
                old.last_outside,
                new.term,
                new.begun()
            ),
            Self::Backwards { old, new } => write!(
                f,
                "G2, backwards: term {} was won after term {}\n  {old:?}\n  {new:?}",
                old.term, new.term
            ),
            Self::Regressed { tenure } => {
                write!(f, "G2, backwards in one process: {tenure:?}")
            }
            Self::TwoHolders { term, holders } => write!(
                f,
                "G2, two holders of {term}: {:?} and {:?}",
                holders[0], holders[1]
            ),
            Self::WonTwice { tenure } => write!(f, "G2, one token for two terms: {tenure:?}"),
            Self::Outlived { tenure, silence } => write!(
                f,
                "G4, open without a lease: term {} admitted at {} or later, after {silence:?}\n  {tenure:?}",
                tenure.term, tenure.last_outside
            ),
            Self::Late { tenure } => write!(
                f,
                "G5, open after closing: term {} at {} or later\n  {tenure:?}",
                tenure.term, tenure.last_outside
            ),
            Self::Undrained { tenure } => {
                write!(f, "G5, released before the drain ended: {tenure:?}")
            }
            Self::Hasty { old, new } => write!(
                f,
                "G5, overlap on purpose: term {} was at work until {}, and term {} won at {} or before\n  {old:?}\n  {new:?}",
                old.term,
                old.last_done,
                new.term,
                new.begun()
            ),
            Self::Incomplete { tenure } => {
                write!(f, "the log of a term is incomplete: {tenure:?}")
            }
            Self::Unstored { write } => {
                write!(f, "an accepted write is not in the storage: {write:?}")
            }
            Self::StoredTwice { writes: [a, b] } => {
                write!(f, "a write is in the storage twice:\n  {a:?}\n  {b:?}")
            }
            Self::Died { holder } => {
                write!(
                    f,
                    "the process {holder:?} panicked, or its election ended unexpectedly"
                )
            }
        }
    }
}
