use std::time::Duration;

use super::{
    action::Notice,
    input::Observation,
    record::Record,
    sighting::{Content, Rules, Sighting},
};
use crate::clock::Moment;

/// What one candidate knows of the key, and since when.
///
/// Reads and watches are hints: late, repeated, out of order. So a sighting is replaced only by a newer
/// revision. An older one is only *suspected* to be the truth (the server lost data, or removed the key
/// without a trace) and replaces the sighting once nothing but older ones was seen for a whole wait, or once
/// a read that followed a refused write shows it.
#[derive(Debug)]
pub(super) struct View {
    sighting: Option<Sighting>,
    suspect: Option<Sighting>,
    /// The revision of the sighting was seen with another content as well.
    is_contested: bool,
    /// When the suspect is believed. A leader that renews after a loss is another suspect each time, so this
    /// stays where it is; from when its record may be written over is counted anew for each.
    believe_from: Moment,
    /// That of the last record that was believed.
    last_lease: Duration,
    /// The newest record that was seen, believed or not.
    newest: Newest,
    /// The highest fencing token ever seen.
    floor: u64,
}

/// Of the records seen, the one with the highest token, and of these the one at the highest revision. Tokens
/// never go down, while revisions begin anew after a loss.
#[derive(Debug, Default)]
struct Newest {
    token: u64,
    revision: u64,
    lease: Duration,
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
    /// A read begun after the server had refused to replace this revision. If that is still the believed
    /// one, the belief is known to be wrong.
    AfterConflict(u64),
}

impl View {
    pub(super) fn new() -> Self {
        Self {
            sighting: None,
            suspect: None,
            is_contested: false,
            believe_from: Moment::default(),
            last_lease: Duration::ZERO,
            newest: Newest::default(),
            floor: 0,
        }
    }

    pub(super) fn sighting(&self) -> Option<&Sighting> {
        self.sighting.as_ref()
    }

    /// From when the key may be taken over. Not while its revision is suspected to hold another record now:
    /// that was not seen unchanged for its lease.
    pub(super) fn open_from(&self) -> Option<Moment> {
        let sighting = self.sighting.as_ref()?;
        let suspect = self.suspect.as_ref();
        let same = suspect.filter(|suspect| suspect.revision == sighting.revision);
        Some(same.map_or(sighting.open_from, |suspect| {
            suspect.open_from.max(sighting.open_from)
        }))
    }

    /// The revision that the next write must replace.
    pub(super) fn revision(&self) -> u64 {
        self.sighting.as_ref().map_or(0, |s| s.revision)
    }

    pub(super) fn floor(&self) -> u64 {
        self.floor
    }

    fn raise_floor(&mut self, token: u64) {
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

    /// When the suspected state becomes the believed one by itself.
    pub(super) fn suspect_until(&self, trust_absent_key: bool) -> Option<Moment> {
        let suspect = self.suspect.as_ref()?;
        suspect
            .is_promoted(trust_absent_key)
            .then_some(self.believe_from)
    }

    /// When to mark the key as vacant, and the revision to replace.
    ///
    /// Where the server has no message at all, "absent" has no revision that would tell one absence from
    /// the next, with a whole term in between. So an absence is not waited out as it is: it is marked with
    /// a record that grants nothing, and the wait begins when that is acknowledged or seen. A mark whose
    /// floor is lower than the highest token known here is replaced as well.
    pub(super) fn vacancy(&self) -> Option<(Moment, u64)> {
        let sighting = self.sighting.as_ref().filter(|_| !self.is_contested);
        let known = [self.suspect.as_ref(), sighting].into_iter().flatten();
        { known }.find_map(|s| {
            if s.is_traceless() {
                return Some((s.open_from, 0));
            }
            let carried = match &s.content {
                Content::Vacant(record) => record.floor,
                // Whoever takes it over without knowing more has a token above its revision.
                Content::Absent | Content::Garbage(..) => s.revision,
                Content::Held(_) | Content::Released(_) => return None,
            };
            (carried < self.floor).then_some((s.first_seen, s.revision))
        })
    }

    /// The lease that an unknown holder may have been granted by the last record.
    ///
    /// Where stale answers were believed for a while, the last record is not the newest one.
    pub(super) fn last_lease(&self) -> Duration {
        self.last_lease.max(self.newest.lease)
    }

    /// Takes in what a read or a watch showed.
    pub(super) fn note(
        &mut self,
        now: Moment,
        seen: Observation,
        source: Source,
        rules: &mut Rules<'_>,
    ) -> Change {
        self.keep_contested();
        let content = rules.parse(seen.revision, seen.value);
        self.compare(seen.revision, &content);
        let believed = self.revision();
        let refused = source == Source::AfterConflict(believed);
        let sighting = match &self.sighting {
            Some(sighting) if seen.revision <= sighting.revision => sighting,
            _ => {
                let sighting = rules.sight(now, seen.revision, content, self.last_lease());
                self.believe(sighting);
                return Change::New;
            }
        };
        if seen.revision == sighting.revision && content == sighting.content {
            self.suspect = None;
            return Change::Same;
        }
        // An older revision, or the same one with another content: a stale answer, a key that vanished
        // without a trace, or a server that lost data.
        self.is_contested |= seen.revision == sighting.revision;
        let suspect = match self.suspect.take() {
            Some(suspect) if (suspect.revision, &suspect.content) == (seen.revision, &content) => {
                suspect
            }
            former => {
                let suspect = rules.suspect(now, seen.revision, content, self.last_lease());
                let stands = former.is_some_and(|former| !former.is_traceless());
                self.believe_from = if stands {
                    self.believe_from.min(suspect.open_from)
                } else {
                    suspect.open_from
                };
                suspect
            }
        };
        if refused {
            self.give_in(suspect, rules);
            return Change::New;
        }
        self.suspect = Some(suspect);
        Change::Suspect
    }

    /// Believes the suspected state if only such states were seen for a whole wait.
    pub(super) fn promote(&mut self, now: Moment, rules: &mut Rules<'_>) {
        let trust = rules.trust_absent_key;
        let believe_from = self.believe_from;
        let is_due = |s: &mut Sighting| s.is_promoted(trust) && now >= believe_from;
        if let Some(suspect) = self.suspect.take_if(is_due) {
            self.give_in(suspect, rules);
        }
    }

    /// Takes in an acknowledged write of this candidate's own, sent while `believed` was the revision of
    /// the sighting. False if there has been news since.
    pub(super) fn wrote(
        &mut self,
        now: Moment,
        believed: u64,
        (revision, record): (u64, Record),
        rules: &mut Rules<'_>,
    ) -> bool {
        if self.revision() > revision {
            if self.revision() != believed {
                return false;
            }
            // It expected an absent key, and got one, where a later revision had been.
            rules.notices.push(Notice::DataLost {
                seen: believed,
                found: revision,
            });
        }
        let content = Content::of(record);
        self.compare(revision, &content);
        self.believe(rules.sight(now, revision, content, self.last_lease()));
        true
    }

    /// Drops what was suspected, since a write that relied on it was refused.
    pub(super) fn trust_the_sighting(&mut self) {
        self.keep_contested();
        self.suspect = None;
    }

    /// Whether the revision of the sighting may hold another record now.
    pub(super) fn is_contested(&self) -> bool {
        self.is_contested
    }

    /// For how long another record at this revision stands is remembered whatever is seen next: a late look at
    /// what the revision held before does not make it go away.
    fn keep_contested(&mut self) {
        let open_from = self.open_from();
        if let (Some(sighting), Some(open_from)) = (&mut self.sighting, open_from) {
            sighting.open_from = open_from;
        }
    }

    fn compare(&mut self, revision: u64, content: &Content) {
        let Some(record) = content.record() else {
            return;
        };
        let token = record.token_at(revision).max(record.floor);
        if (token, revision) >= (self.newest.token, self.newest.revision) {
            self.newest = Newest {
                token,
                revision,
                lease: record.lease(),
            };
        }
    }

    fn give_in(&mut self, suspect: Sighting, rules: &mut Rules<'_>) {
        if suspect.content != Content::Absent {
            rules.notices.push(Notice::DataLost {
                seen: self.revision(),
                found: suspect.revision,
            });
        }
        self.believe(suspect);
    }

    fn believe(&mut self, sighting: Sighting) {
        if let Some(record) = sighting.content.record() {
            self.last_lease = record.lease();
            let token = record.token_at(sighting.revision);
            self.raise_floor(token.max(record.floor));
        }
        self.suspect = None;
        self.is_contested = false;
        self.sighting = Some(sighting);
    }
}
