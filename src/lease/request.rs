//! A request to the store: what it asks for, and why.

use super::record::Record;
use crate::clock::Moment;

#[derive(Debug)]
pub(super) struct Request {
    pub(super) attempt: u64,
    pub(super) kind: Kind,
    pub(super) sent_at: Moment,
}

#[derive(Debug)]
pub(super) enum Kind {
    Read,
    Write(Write),
}

#[derive(Debug)]
pub(super) struct Write {
    pub(super) purpose: Purpose,
    /// The revision that it replaces.
    pub(super) expected: u64,
    /// The revision that was believed to be the key's when it was sent.
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
    /// Whether what it writes has a holder.
    pub(super) fn holds(self) -> bool {
        matches!(self, Self::Acquire | Self::Renew)
    }
}

impl Request {
    /// Whether it could give this candidate the lease, or prolong it, if `revision` is the key's.
    pub(super) fn may_hold(&self, revision: u64) -> bool {
        matches!(&self.kind, Kind::Write(write) if write.purpose.holds() && revision <= write.expected)
    }
}
