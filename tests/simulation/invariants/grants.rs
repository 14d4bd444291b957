//! A term is granted for one revision replaced, once, and only after the wait that the revision asks for:
//! another holder's whole lease from the first sight of exactly this record, and as long for an unknown one.

use std::{collections::HashSet, time::Duration};

use noleader::{
    clock::Moment,
    lease::{Candidate, Observation, Outcome, Record},
};

use super::Invariant;
use crate::fact::Fact;

pub(super) struct Grants {
    nodes: Vec<Node>,
    /// The revisions whose replacement granted a term, each with the number of the stream.
    granted: HashSet<(u64, u64)>,
}

#[derive(Default)]
struct Node {
    settings: Option<Candidate>,
    session: String,
    /// What this process was shown, and when first.
    seen: Vec<(Observation, Moment)>,
    /// The acquiring write under way: which, and what it replaces.
    acquiring: Option<(u64, u64)>,
    /// The last write: which, and what.
    written: Option<(u64, Record)>,
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

fn decode(seen: &Observation) -> Option<Record> {
    Record::decode(seen.revision, seen.value.as_deref()?).ok()
}

impl Node {
    fn saw(&mut self, seen: &Observation, now: Moment) {
        if !self.seen.iter().rev().any(|(known, _)| known == seen) {
            self.seen.push((seen.clone(), now));
        }
    }

    /// How long the key must have stood like the state `index` that this process was shown, before it may take
    /// it over. An unknown holder is granted the longer lease of the process's own and of the last record that
    /// it saw, which may be a mark.
    fn wait(&self, index: usize) -> Duration {
        let Some(settings) = &self.settings else {
            return Duration::ZERO;
        };
        let own = settings.timing.lease;
        let seen = &self.seen[index].0;
        match decode(seen) {
            Some(record) if record.vacant && settings.trust_absent_key => Duration::ZERO,
            Some(record) if record.vacant => own.max(record.lease()),
            Some(record) if record.holder.is_none() || record.session == self.session => {
                Duration::ZERO
            }
            Some(record) => record.lease(),
            None if seen.value.is_none() && settings.trust_absent_key => Duration::ZERO,
            None => own.max(self.last_lease(index)),
        }
    }

    /// The lease of the last record before the state `index`, of those that were seen by then.
    fn last_lease(&self, index: usize) -> Duration {
        let revision = self.seen[index].0.revision;
        let before = self.seen[..index].iter().map(|(seen, _)| seen);
        let before = before.filter(|seen| seen.revision < revision);
        let records = before.filter_map(|seen| Some((seen.revision, decode(seen)?.lease())));
        { records }.max().map_or(Duration::ZERO, |(_, lease)| lease)
    }

    fn takes_over(&self, expected: u64, now: Moment) -> Result<(), String> {
        let trusts = self.settings.as_ref().is_some_and(|s| s.trust_absent_key);
        if expected == 0 && !trusts {
            return Err("an absent key is taken over without a mark".to_owned());
        }
        let mut shown = self.seen.iter().enumerate();
        let waited = |(index, (seen, since)): (usize, &(Observation, Moment))| {
            seen.revision == expected && now >= *since + self.wait(index)
        };
        if shown.any(waited) {
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
            self.saw(&Observation { revision, value }, now);
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
            Fact::Started { settings, session } => {
                *node = Node {
                    settings: Some((*settings).clone()),
                    session: session.to_string(),
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
            Fact::Granted { epoch, .. } => {
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
