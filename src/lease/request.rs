//! A request to the store, and its purpose.

use super::record::Record;
use crate::clock::Moment;

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Request {
    pub(super) attempt: u64,
    pub(super) kind: Kind,
    pub(super) sent_at: Moment,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) enum Kind {
    Read,
    Write(Write),
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Write {
    pub(super) purpose: Purpose,
    /// The revision to replace.
    pub(super) expected: u64,
    /// The revision of the key that the candidate believed when it sent the write.
    pub(super) believed: u64,
    pub(super) record: Record,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Purpose {
    /// Marks an absent key, and grants nothing.
    Vacate,
    Acquire,
    Renew,
    Release,
}

impl Purpose {
    /// Whether the written record has a holder.
    pub(super) fn holds(self) -> bool {
        matches!(self, Self::Acquire | Self::Renew)
    }
}

impl Request {
    /// Whether the request could acquire or extend this candidate's lease, if the key is at `revision`.
    pub(super) fn may_hold(&self, revision: u64) -> bool {
        matches!(&self.kind, Kind::Write(write) if write.purpose.holds() && revision <= write.expected)
    }
}
