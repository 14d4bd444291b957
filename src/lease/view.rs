use std::time::Duration;

use super::{
    Observation,
    action::Notice,
    record::Record,
    validity::Timing,
};
use crate::clock::Moment;

/// What one candidate knows of the key, and since when.
///
/// Reads and watches are hints: late, repeated, out of order. So a sighting is replaced only by a newer
/// revision. An older one is only *suspected* to be the truth (the server lost data, or removed the key
/// without a trace) and replaces the sighting once it has stood alone for its own whole wait, or once a
/// read that followed a refused write shows it.
#[derive(Debug)]
pub(super) struct View {
    sighting: Option<Sighting>,
    suspect: Option<Sighting>,
    last_lease: Duration,
    /// The highest fencing token ever seen.
    floor: u64,
}

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
    Absent,
    Garbage(Vec<u8>),
}

/// What an observation changed.
#[derive(Debug, PartialEq)]
pub(super) enum Change {
    /// The key is as it was.
    Same,
    /// The key has a new content.
    New,
    /// An older revision: a stale answer, or lost data. Nothing is concluded from it yet.
    Suspect,
}

/// Where an observation came from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Source {
    /// A watch, or a read that may be stale.
    Hint,
    /// A read begun after the server had refused a write for its revision: what was believed is known
    /// to be wrong.
    AfterConflict,
}

impl View {
    pub(super) fn new() -> Self {
        Self {
            sighting: None,
            suspect: None,
            last_lease: Duration::ZERO,
            floor: 0,
        }
    }

    pub(super) fn sighting(&self) -> Option<&Sighting> {
        self.sighting.as_ref()
    }

    /// The revision that the next write must replace.
    pub(super) fn revision(&self) -> u64 {
        self.sighting.as_ref().map_or(0, |s| s.revision)
    }

    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    pub(super) fn raise_floor(&mut self, token: u64) {
        self.floor = self.floor.max(token);
    }

    /// The record, if it is held by the session `session`.
    pub(super) fn held_by(&self, session: &str) -> Option<&Record> {
        match self.sighting.as_ref().map(|s| &s.content) {
            Some(Content::Held(record)) if record.session == session => Some(record),
            _ => None,
        }
    }

    /// The lease of the record in the key, or zero.
    pub(super) fn lease(&self) -> Duration {
        match self.sighting.as_ref().map(|s| &s.content) {
            Some(Content::Held(record)) => record.lease(),
            _ => Duration::ZERO,
        }
    }

    /// When the suspected state becomes the believed one.
    pub(super) fn suspect_until(&self) -> Option<Moment> {
        self.suspect.as_ref().map(|s| s.open_from)
    }

    /// Takes in what a read or a watch showed.
    pub(super) fn note(
        &mut self,
        now: Moment,
        seen: Observation,
        source: Source,
        rules: &mut Rules<'_>,
    ) -> Change {
        let content = rules.parse(seen.value);
        let Some(sighting) = &self.sighting else {
            self.believe(rules.sight(now, seen.revision, content, self.last_lease), rules);
            return Change::New;
        };
        if seen.revision > sighting.revision {
            self.believe(rules.sight(now, seen.revision, content, self.last_lease), rules);
            return Change::New;
        }
        if seen.revision == sighting.revision && content == sighting.content {
            self.suspect = None;
            return Change::Same;
        }
        // An older revision, or the same one with another content: a stale answer, a key that expired
        // without a trace, or a server that lost data.
        let known = self
            .suspect
            .take()
            .filter(|s| s.revision == seen.revision && s.content == content);
        let is_known = known.is_some();
        let suspect =
            known.unwrap_or_else(|| rules.suspect(now, seen.revision, content, self.lease_to_honour()));
        if source == Source::AfterConflict || now >= suspect.open_from {
            self.give_in(suspect, rules);
            return Change::New;
        }
        if !is_known && suspect.content == Content::Absent {
            rules.notices.push(Notice::KeyAbsent {
                wait: suspect.open_from.saturating_since(now),
            });
        }
        self.suspect = Some(suspect);
        Change::Suspect
    }

    /// Believes the suspected state if it has stood alone for its whole wait.
    pub(super) fn promote(&mut self, now: Moment, rules: &mut Rules<'_>) -> bool {
        match self.suspect.take_if(|s| now >= s.open_from) {
            Some(suspect) => {
                self.give_in(suspect, rules);
                true
            }
            None => false,
        }
    }

    /// Takes in an acknowledged write of this candidate's own.
    pub(super) fn wrote(&mut self, now: Moment, revision: u64, record: Record) {
        let content = match record.holder {
            Some(_) => Content::Held(record),
            None => Content::Released(record),
        };
        self.suspect = None;
        self.sighting = Some(Sighting {
            revision,
            content,
            first_seen: now,
            open_from: now,
        });
    }

    /// The lease that an unseen holder after the sighted one is granted.
    fn lease_to_honour(&self) -> Duration {
        self.last_lease.max(self.lease())
    }

    fn give_in(&mut self, suspect: Sighting, rules: &mut Rules<'_>) {
        if suspect.content != Content::Absent {
            rules.notices.push(Notice::DataLost {
                seen: self.revision(),
                found: suspect.revision,
            });
        }
        self.believe(suspect, rules);
    }

    fn believe(&mut self, sighting: Sighting, rules: &mut Rules<'_>) {
        match &sighting.content {
            Content::Held(record) | Content::Released(record) => {
                self.last_lease = record.lease();
                self.floor = self.floor.max(record.token_at(sighting.revision)).max(record.floor);
            }
            Content::Absent => {
                let wait = sighting.open_from.saturating_since(sighting.first_seen);
                let told = self.suspect.take().is_some_and(|s| s.content == Content::Absent);
                if !told && wait > Duration::ZERO {
                    rules.notices.push(Notice::KeyAbsent { wait });
                }
            }
            Content::Garbage(_) => {}
        }
        self.suspect = None;
        self.sighting = Some(sighting);
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
    fn parse(&mut self, value: Option<Vec<u8>>) -> Content {
        let Some(bytes) = value else {
            return Content::Absent;
        };
        match Record::decode(&bytes) {
            Ok(record) if record.holder.is_some() => Content::Held(record),
            Ok(record) => Content::Released(record),
            Err(_) => Content::Garbage(bytes),
        }
    }

    /// As [`sight`](Self::sight), for a state that older or newer news may still refute: it has to
    /// stand alone for one lease at least.
    fn suspect(
        &mut self,
        now: Moment,
        revision: u64,
        content: Content,
        last_lease: Duration,
    ) -> Sighting {
        let mut suspect = self.sight(now, revision, content, last_lease);
        if !(self.trust_absent_key && suspect.content == Content::Absent) {
            suspect.open_from = suspect.open_from.max(now + self.timing.lease);
        }
        suspect
    }

    /// Judges from when a key that is first seen like this may be taken over.
    fn sight(
        &mut self,
        now: Moment,
        revision: u64,
        content: Content,
        last_lease: Duration,
    ) -> Sighting {
        let delay = self.timing.campaign_after(self.rng);
        let open_from = match &content {
            Content::Held(record) if record.session == self.session => now,
            Content::Held(record) => self.timing.held_until(now, record.lease()) + delay,
            Content::Released(_) => now + delay,
            Content::Absent if self.trust_absent_key => now + delay,
            Content::Absent => self.timing.absent_until(now, last_lease) + delay,
            Content::Garbage(bytes) => {
                if let Err(why) = Record::decode(bytes) {
                    self.notices.push(Notice::Garbage { revision, why });
                }
                self.timing.garbage_until(now) + delay
            }
        };
        Sighting {
            revision,
            content,
            first_seen: now,
            open_from,
        }
    }
}
