//! The requests to the store that are in progress.

use std::collections::BTreeMap;

use super::{action::Record, peers::Peer, session_record::SessionId};
use crate::clock::Moment;

#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) about: About,
    pub(super) sent_at: Moment,
    /// None for a read.
    pub(super) write: Option<Write>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// The session of this node.
    Me,
    /// The session of another node.
    Peer(Peer),
    Shard(u32),
}

#[derive(Clone, Debug)]
pub(super) struct Write {
    pub(super) purpose: Purpose,
    pub(super) expected: u64,
    pub(super) record: Record,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Purpose {
    /// Marks an absent key, and grants nothing.
    Mark,
    Begin(SessionId),
    Renew,
    /// Ends the session of this node.
    Leave,
    /// Ends the session of another node.
    Fence,
    /// Of a shard, under this session.
    Claim(SessionId),
    /// Of a shard that is shut.
    Free,
}

/// The requests in progress, by attempt. Since all have the same timeout, the first one is also the first to time out.
#[cfg_attr(test, derive(Clone))]
#[derive(Debug, Default)]
pub(super) struct Requests {
    attempts: u64,
    open: BTreeMap<u64, Request>,
    /// How many are about other things than the own session.
    others: usize,
}

impl Requests {
    pub(super) fn add(&mut self, request: Request) -> u64 {
        self.others += usize::from(request.about != About::Me);
        self.attempts += 1;
        self.open.insert(self.attempts, request);
        self.attempts
    }

    pub(super) fn take(&mut self, attempt: u64) -> Option<Request> {
        let request = self.open.remove(&attempt)?;
        self.others -= usize::from(request.about != About::Me);
        Some(request)
    }

    pub(super) fn first(&self) -> Option<(u64, Moment)> {
        let (attempt, request) = self.open.first_key_value()?;
        Some((*attempt, request.sent_at))
    }

    pub(super) fn others(&self) -> usize {
        self.others
    }

    /// Forgets all requests: their responses are ignored.
    pub(super) fn clear(&mut self) {
        self.open.clear();
        self.others = 0;
    }
}
