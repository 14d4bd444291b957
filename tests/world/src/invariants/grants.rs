//! Each revision is replaced by at most one term, and only after the wait that it requires: the holder's whole lease
//! from the first sight of exactly this record, and as long for an unknown holder.

use std::{collections::HashSet, time::Duration};

use noleader::{
    clock::Moment,
    lease::{Candidate, Observation, Outcome, Record},
};

use super::Invariant;
use crate::fact::Fact;

pub(super) struct Grants {
    nodes: Vec<Node>,
    /// The revisions whose replacement granted a term, each with the epoch of its stream.
    granted: HashSet<(u64, u64)>,
}

#[derive(Default)]
struct Node {
    settings: Option<Candidate>,
    session: String,
    seen: Vec<Seen>,
    /// The lease of the record that was seen last.
    last_lease: Duration,
    /// The acquiring write in progress: its attempt, and the revision that it replaces.
    acquiring: Option<(u64, u64)>,
    /// The last write: its attempt and its record.
    written: Option<(u64, Record)>,
}

/// A state of the key that a process saw, when it first saw it, and how long it has to wait for it.
struct Seen {
    state: Observation,
    /// The lease of the record, if the state is a record.
    lease: Option<Duration>,
    at: Moment,
    wait: Duration,
}

impl Grants {
    pub(super) fn new(nodes: usize) -> Self {
        let nodes = (0..nodes).map(|_| Node::default()).collect();
        Self {
            nodes,
            granted: HashSet::new(),
        }
    }
}

impl Node {
    fn saw(&mut self, state: &Observation, now: Moment) {
        let known = self.seen.iter().rev().find(|seen| seen.state == *state);
        if let Some(known) = known {
            self.last_lease = known.lease.unwrap_or(self.last_lease);
            return;
        }
        let bytes = state.value().unwrap_or_default();
        let record = Record::decode(state.revision(), bytes).ok();
        let lease = record.as_ref().map(Record::lease);
        self.seen.push(Seen {
            wait: self.wait(state, record),
            state: state.clone(),
            lease,
            at: now,
        });
        self.last_lease = lease.unwrap_or(self.last_lease);
    }

    /// How long the key must have been in this state before this process may take it over. For an unknown holder it is
    /// the longer of the process's own lease and that of the last record that it saw, which may be a vacant mark.
    fn wait(&self, state: &Observation, record: Option<Record>) -> Duration {
        let Some(settings) = &self.settings else {
            return Duration::ZERO;
        };
        let own = settings.timing.lease;
        let trusts = settings.trust_absent_key;
        match record {
            Some(record) if record.is_later() => record.lease(),
            Some(record) if record.vacant && trusts => Duration::ZERO,
            Some(record) if record.vacant => own.max(record.lease()),
            Some(record) if record.holder.is_none() || record.session == self.session => {
                Duration::ZERO
            }
            Some(record) => record.lease(),
            None if state.value().is_none() && trusts => Duration::ZERO,
            None => own.max(self.last_before(state.revision())),
        }
    }

    /// The lease of the last record before `revision`: the shorter of those of the record that was seen last and of the
    /// newest. The last read may have been stale, and the store may have lost the newest record.
    fn last_before(&self, revision: u64) -> Duration {
        let before = self.seen.iter().filter(|s| s.state.revision() < revision);
        let records = before.filter_map(|s| Some((s.state.revision(), s.lease?)));
        let newest = records.max().map_or(Duration::ZERO, |(_, lease)| lease);
        newest.min(self.last_lease)
    }

    fn takes_over(&self, expected: u64, now: Moment) -> Result<(), String> {
        let trusts = self.settings.as_ref().is_some_and(|s| s.trust_absent_key);
        if expected == 0 && !trusts {
            return Err("an absent key is taken over without a mark".to_owned());
        }
        // The record before an absence may have been seen after it.
        let wait = |seen: &Seen| match seen.lease {
            Some(_) => seen.wait,
            None => seen.wait.min(self.wait(&seen.state, None)),
        };
        let is_open =
            |seen: &Seen| seen.state.revision() == expected && now >= seen.at + wait(seen);
        if self.seen.iter().any(is_open) {
            return Ok(());
        }
        Err(format!(
            "revision {expected} is taken over before its lease has run out"
        ))
    }

    fn answered(&mut self, attempt: u64, outcome: Outcome, now: Moment) {
        let written = self.written.take_if(|(sent, _)| *sent == attempt);
        if let (Some((_, record)), Outcome::Acknowledged(revision)) = (written, outcome) {
            let value = Some(record.encode());
            self.saw(&Observation::new(revision, value), now);
        }
    }
}

impl Invariant for Grants {
    fn name(&self) -> &'static str {
        "grants"
    }

    fn see(&mut self, _at: u64, index: usize, fact: &Fact<'_>) -> Result<(), String> {
        let node = &mut self.nodes[index];
        match fact {
            Fact::Started { settings } => {
                *node = Node {
                    settings: Some((*settings).clone()),
                    ..Node::default()
                };
            }
            Fact::Saw { seen, now } => node.saw(seen, *now),
            Fact::Sent {
                attempt,
                expected,
                record,
                sent_at,
                ..
            } => {
                node.session.clone_from(&record.session);
                node.written = Some((*attempt, (*record).clone()));
                node.acquiring = None;
                if record.holder.is_some() && record.token == 0 {
                    node.acquiring = Some((*attempt, *expected));
                    node.takes_over(*expected, *sent_at)?;
                }
            }
            Fact::Answered {
                attempt,
                outcome,
                now,
            } => node.answered(*attempt, *outcome, *now),
            Fact::Began { epoch, .. } => {
                let Some((_, expected)) = node.acquiring.take() else {
                    return Err("a term begins without an acquiring write".to_owned());
                };
                if !self.granted.insert((*epoch, expected)) {
                    return Err(format!("two terms are granted for revision {expected}"));
                }
            }
            _ => {}
        }
        Ok(())
    }
}
