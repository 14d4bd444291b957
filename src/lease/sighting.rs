//! One observation of the key, and when it may be written over.

use std::time::Duration;

use super::{
    action::Notice,
    own_writes::OwnWrites,
    record::{Garbage, Record},
    validity::Timing,
};
use crate::clock::Moment;

/// A state of the key, and when this candidate first observed it.
#[derive(Clone, Debug)]
pub(super) struct Sighting {
    pub(super) revision: u64,
    pub(super) content: Content,
    /// This process holds the record.
    pub(super) is_own: bool,
    pub(super) first_seen: Moment,
    /// When this candidate may first take the key over.
    pub(super) open_from: Moment,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    Held(Record),
    Released(Record),
    /// A mark by a candidate that found the key absent.
    Vacant(Record),
    Absent,
    Garbage(Vec<u8>, Garbage),
}

impl Sighting {
    /// Whether a suspect is believed after a wait. Otherwise a write puts it to the test.
    pub(super) fn is_promoted(&self, trust_absent_key: bool) -> bool {
        trust_absent_key || !self.is_traceless()
    }

    /// Whether the server has no message for the key.
    pub(super) fn is_traceless(&self) -> bool {
        self.revision == 0
    }
}

impl Content {
    pub(super) fn of(record: Record) -> Self {
        match &record.holder {
            _ if record.is_later() => Self::Held(record),
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

/// The context in which a sighting is interpreted.
#[derive(Debug)]
pub(super) struct Rules<'a> {
    pub(super) timing: &'a Timing,
    pub(super) session: &'a str,
    pub(super) own_writes: &'a OwnWrites,
    pub(super) trust_absent_key: bool,
    pub(super) lossy_store: bool,
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

    /// Like [`sight`](Self::sight), for a state that a newer revision may still refute. It must be the only state
    /// observed for at least one lease.
    pub(super) fn suspect(
        &mut self,
        now: Moment,
        revision: u64,
        content: Content,
        last_lease: Duration,
    ) -> Sighting {
        let mut suspect = self.sight(now, revision, content, (last_lease, false));
        // Without a message there is no need to wait: a mark expects an absent key and grants nothing, so its outcome
        // decides at once whether the key has vanished.
        if !suspect.is_traceless() {
            suspect.open_from = suspect.open_from.max(now + self.timing.lease);
        }
        suspect
    }

    /// Decides when a key that is first observed in this state may be written. `is_first`: no other state was observed
    /// before, under the present watch.
    pub(super) fn sight(
        &mut self,
        now: Moment,
        revision: u64,
        content: Content,
        (last_lease, is_first): (Duration, bool),
    ) -> Sighting {
        let delay = self.timing.campaign_after(self.rng);
        let is_own = matches!(&content, Content::Held(record) if self.is_own(record));
        let wait_until = match &content {
            Content::Held(_) if is_own => {
                return Sighting {
                    revision,
                    content,
                    is_own,
                    first_seen: now,
                    open_from: now,
                };
            }
            Content::Held(record) => self.timing.held_until(now, record.lease()),
            Content::Vacant(_) if self.trust_absent_key => now,
            Content::Vacant(record) => self.timing.unknown_until(now, record.lease()),
            // A store that loses writes may have lost the write that replaced the release.
            Content::Released(record) if is_first && self.lossy_store => {
                self.timing.held_until(now, record.lease())
            }
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
            is_own,
            first_seen: now,
            open_from: wait_until + delay,
        }
    }

    /// Whether this process wrote the record. A copy of its image has the same nonce, and writes with other ids.
    fn is_own(&self, record: &Record) -> bool {
        record.session == self.session && self.own_writes.contain(record.write_id)
    }

    /// Notices a record that a copy of this process's image wrote.
    pub(super) fn check_writer(&mut self, revision: u64, content: &Content) {
        let record = content.record();
        if record.is_some_and(|record| record.session == self.session && !self.is_own(record)) {
            self.notices.push(Notice::RunsTwice { revision });
        }
    }
}
