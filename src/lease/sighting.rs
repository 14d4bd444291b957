//! What a look at the key shows, and from when that may be written over.

use std::time::Duration;

use super::{
    action::Notice,
    record::{Garbage, Record},
    validity::Timing,
};
use crate::clock::Moment;

/// One state of the key, and since when this candidate has seen it unchanged.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sighting {
    pub(super) revision: u64,
    pub(super) content: Content,
    pub(super) first_seen: Moment,
    /// From when this candidate may take the key over.
    pub(super) open_from: Moment,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    Held(Record),
    Released(Record),
    /// Somebody found the key absent and marked the moment.
    Vacant(Record),
    Absent,
    Garbage(Vec<u8>, Garbage),
}

impl Sighting {
    /// Whether it is believed once it has stood alone, rather than put to the test by a write.
    pub(super) fn is_promoted(&self, trust_absent_key: bool) -> bool {
        trust_absent_key || !self.is_traceless()
    }

    /// Whether the server has no message of the key at all.
    pub(super) fn is_traceless(&self) -> bool {
        self.revision == 0
    }
}

impl Content {
    pub(super) fn of(record: Record) -> Self {
        match &record.holder {
            Some(_) => Self::Held(record),
            None if record.vacant => Self::Vacant(record),
            None => Self::Released(record),
        }
    }

    pub(super) fn record(&self) -> Option<&Record> {
        match self {
            Self::Held(record) | Self::Released(record) | Self::Vacant(record) => Some(record),
            Self::Absent | Self::Garbage(..) => None,
        }
    }
}

/// What a sighting is judged by.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    pub(super) timing: &'a Timing,
    pub(super) session: &'a str,
    pub(super) trust_absent_key: bool,
    pub(super) rng: &'a mut fastrand::Rng,
    pub(super) notices: &'a mut Vec<Notice>,
}

impl Rules<'_> {
    pub(super) fn parse(&mut self, revision: u64, value: Option<Vec<u8>>) -> Content {
        match value {
            None => Content::Absent,
            Some(bytes) => match Record::decode(revision, &bytes) {
                Ok(record) => Content::of(record),
                Err(why) => Content::Garbage(bytes, why),
            },
        }
    }

    /// As [`sight`](Self::sight), for a state that newer news may still refute: it has to stand alone for
    /// one lease at least.
    pub(super) fn suspect(
        &mut self,
        now: Moment,
        revision: u64,
        content: Content,
        last_lease: Duration,
    ) -> Sighting {
        let mut suspect = self.sight(now, revision, content, last_lease);
        // A write settles at once whether a key has vanished: it expects that, and grants nothing.
        if !suspect.is_traceless() {
            suspect.open_from = suspect.open_from.max(now + self.timing.lease);
        }
        suspect
    }

    /// Judges from when a key that is first seen like this may be written.
    pub(super) fn sight(
        &mut self,
        now: Moment,
        revision: u64,
        content: Content,
        last_lease: Duration,
    ) -> Sighting {
        let delay = self.timing.campaign_after(self.rng);
        let wait_until = match &content {
            Content::Held(record) if record.session == self.session => {
                return Sighting {
                    revision,
                    content,
                    first_seen: now,
                    open_from: now,
                };
            }
            Content::Held(record) => self.timing.held_until(now, record.lease()),
            Content::Vacant(_) if self.trust_absent_key => now,
            Content::Vacant(record) => self.timing.unknown_until(now, record.lease()),
            Content::Released(_) => now,
            Content::Absent if self.trust_absent_key || revision == 0 => now,
            Content::Absent => self.timing.unknown_until(now, last_lease),
            Content::Garbage(_, why) => {
                let why = why.clone();
                self.notices.push(Notice::Garbage { revision, why });
                self.timing.unknown_until(now, last_lease)
            }
        };
        if content == Content::Absent && !self.trust_absent_key {
            let wait = self.timing.unknown_lease(last_lease);
            self.notices.push(Notice::KeyAbsent { wait });
        }
        Sighting {
            revision,
            content,
            first_seen: now,
            open_from: wait_until + delay,
        }
    }
}
