use std::time::Duration;

use super::{
    action::Notice,
    input::Observation,
    own_writes::WriteId,
    record::Record,
    sighting::{Content, Rules, Sighting},
};
use crate::clock::Moment;

/// What a candidate knows of the key, and since when.
///
/// Reads and watches are hints: they may be late, repeated or out of order. A sighting is therefore replaced only by a
/// newer revision. An older revision is only *suspected* to be the current state: the server may have lost data, or
/// removed the key without a marker. A suspect replaces the sighting in two cases:
///
/// - for a whole wait, only older revisions were observed
/// - a read that followed a refused write shows it
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct View {
    sighting: Option<Sighting>,
    suspect: Option<Sighting>,
    /// The revision of the sighting was also observed with another content.
    is_contested: bool,
    /// When the suspect is believed. Each renewal of a leader after a loss of data is a new suspect, so new suspects do
    /// not postpone this time. They do postpone the time from which the record may be written over.
    believe_from: Moment,
    /// The lease of the last record that was believed.
    last_lease: Duration,
    /// The newest record that was observed, believed or not.
    newest: Newest,
    /// The highest fencing token ever observed.
    floor: u64,
}

/// The longest wait for an unchanged record of a lossy store, in multiples of the wait. Each new watch starts the wait
/// again, so that a node whose watches end within a lease could otherwise never lead.
const MOST_WAITS: u32 = 4;

/// The newest record observed: the one with the highest token and, among equal tokens, with the highest revision.
/// Tokens never decrease, while revisions restart after a loss of data.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
struct Newest {
    token: u64,
    revision: u64,
    lease: Duration,
}

/// The effect of an observation.
#[derive(Debug, PartialEq)]
pub(super) enum Change {
    /// The key has not changed.
    Same,
    /// The key has a new content.
    New,
    /// An older revision, from a stale response or after lost data. Nothing is concluded from it yet.
    Suspect,
}

/// The source of an observation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Source {
    /// A watch, or a read that may be stale.
    Hint,
    /// A read that was sent after the server refused to replace this revision. If the candidate still believes this
    /// revision and the read shows another state, the belief is wrong.
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

    /// When the key may first be taken over. If its revision is suspected to contain another record now, that record's
    /// wait counts too, because it was not observed unchanged for its lease.
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

    /// Whether this process holds the record in the key.
    pub(super) fn is_own(&self) -> bool {
        self.sighting.as_ref().is_some_and(|s| s.is_own)
    }

    /// Notes that this write was refused. Returns true if the record in the key was believed to be this write. A copy of
    /// the process's image then made the same write, and the candidate waits for its lease as for any other.
    pub(super) fn refuse(&mut self, now: Moment, id: WriteId, rules: &mut Rules<'_>) -> bool {
        let is_it =
            |s: &&mut Sighting| s.is_own && s.content.record().and_then(|r| r.write_id) == Some(id);
        let last_lease = self.last_lease();
        let Some(sighting) = self.sighting.as_mut().filter(is_it) else {
            return false;
        };
        rules.check_writer(sighting.revision, &sighting.content);
        *sighting = rules.sight(
            now,
            sighting.revision,
            sighting.content.clone(),
            (last_lease, false),
        );
        !sighting.is_own
    }

    /// The lease of the record in the key, or zero.
    pub(super) fn lease(&self) -> Duration {
        match self.sighting.as_ref().map(|s| &s.content) {
            Some(Content::Held(record)) => record.lease(),
            _ => Duration::ZERO,
        }
    }

    /// When the suspect becomes the believed state without a further observation.
    pub(super) fn suspect_until(&self, trust_absent_key: bool) -> Option<Moment> {
        let suspect = self.suspect.as_ref()?;
        suspect
            .is_promoted(trust_absent_key)
            .then_some(self.believe_from)
    }

    /// When to mark the key as vacant, and the revision to replace.
    ///
    /// If the server has no message for the key, the absence has no revision. Two absences with a whole term between
    /// them cannot be distinguished. The candidate therefore marks the absence with a record that grants nothing, and
    /// waits from when the mark is acknowledged or observed. It also replaces a mark whose floor is lower than the
    /// highest token that it knows.
    pub(super) fn vacancy(&self) -> Option<(Moment, u64)> {
        let sighting = self.sighting.as_ref().filter(|_| !self.is_contested);
        let known = [self.suspect.as_ref(), sighting].into_iter().flatten();
        { known }.find_map(|s| {
            if s.is_traceless() {
                return Some((s.open_from, 0));
            }
            let carried = match &s.content {
                Content::Vacant(record) => record.floor,
                // A candidate without further knowledge takes it over with a token above its revision.
                Content::Absent | Content::Garbage(..) => s.revision,
                Content::Held(_) | Content::Released(_) => return None,
            };
            (carried < self.floor).then_some((s.first_seen, s.revision))
        })
    }

    /// The lease that the last record may have granted to an unknown holder.
    ///
    /// If stale responses were believed for a while, the last record is not the newest one.
    pub(super) fn last_lease(&self) -> Duration {
        self.last_lease.max(self.newest.lease)
    }

    /// Notes an observation.
    pub(super) fn note(
        &mut self,
        now: Moment,
        seen: Observation,
        source: Source,
        rules: &mut Rules<'_>,
    ) -> Change {
        self.keep_contested();
        let content = rules.parse(seen.revision, seen.value);
        // This process forgets the ids of its oldest writes. Those of a copy lie above them.
        let is_newest = seen.revision > self.newest.revision;
        self.compare(seen.revision, &content);
        let believed = self.revision();
        let refused = source == Source::AfterConflict(believed);
        let sighting = match &self.sighting {
            Some(sighting) if seen.revision <= sighting.revision => sighting,
            _ => {
                if is_newest {
                    rules.check_writer(seen.revision, &content);
                }
                let is_first = self.sighting.is_none();
                let sighting =
                    rules.sight(now, seen.revision, content, (self.last_lease(), is_first));
                self.believe(sighting);
                return Change::New;
            }
        };
        if seen.revision == sighting.revision && content == sighting.content {
            self.suspect = None;
            return Change::Same;
        }
        // An older revision, or the same one with another content: a stale response, a key that was removed without a
        // marker, or a server that lost data.
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
            self.believe_suspect(suspect, rules);
            return Change::New;
        }
        self.suspect = Some(suspect);
        Change::Suspect
    }

    /// Believes the suspect if only suspects were observed for a whole wait.
    pub(super) fn promote(&mut self, now: Moment, rules: &mut Rules<'_>) {
        let trust = rules.trust_absent_key;
        let believe_from = self.believe_from;
        let is_due = |s: &mut Sighting| s.is_promoted(trust) && now >= believe_from;
        if let Some(suspect) = self.suspect.take_if(is_due) {
            self.believe_suspect(suspect, rules);
        }
    }

    /// Notes an acknowledged write of this candidate, sent while `believed` was the revision of the sighting. Returns
    /// false if a newer revision was observed since.
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
            // The write expected an absent key and was applied, although a later revision had been observed.
            rules.notices.push(Notice::DataLost {
                seen: believed,
                found: revision,
            });
        }
        let content = Content::of(record);
        self.compare(revision, &content);
        self.believe(rules.sight(now, revision, content, (self.last_lease(), false)));
        true
    }

    /// Forgets the states of a bucket that is gone, but neither its tokens nor its longest lease.
    pub(super) fn forget(&mut self) {
        self.sighting = None;
        self.suspect = None;
        self.is_contested = false;
    }

    /// Treats the sighting as first observed now.
    pub(super) fn restart(&mut self, now: Moment, rules: &mut Rules<'_>) {
        self.keep_contested();
        self.suspect = None;
        let last_lease = self.last_lease();
        if let Some(Sighting {
            revision,
            content,
            open_from,
            first_seen,
            ..
        }) = self.sighting.take()
        {
            let mut sighting = rules.sight(now, revision, content, (last_lease, true));
            let at_most = sighting.open_from.saturating_since(now) * MOST_WAITS;
            sighting.open_from = sighting.open_from.min(first_seen + at_most).max(open_from);
            sighting.first_seen = first_seen;
            self.sighting = Some(sighting);
        }
    }

    /// Drops the suspect, because a write that relied on it was refused.
    pub(super) fn trust_the_sighting(&mut self) {
        self.keep_contested();
        self.suspect = None;
    }

    /// Whether the revision of the sighting may contain another record now.
    pub(super) fn is_contested(&self) -> bool {
        self.is_contested
    }

    /// Keeps the wait for another record at this revision, whatever is observed next: a late observation of the
    /// revision's former content does not refute that record.
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

    fn believe_suspect(&mut self, suspect: Sighting, rules: &mut Rules<'_>) {
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
