//! G4: on its node's own clock, a gate is never open for longer than acknowledged writes allow. Each allows the lease
//! without the guard, from before the write was sent, if its acknowledgement arrived before the previous deadline.
//! This also holds right after a pause, whatever was acknowledged meanwhile. A gate that one reader found closed stays
//! closed for all.

use noleader::{
    clock::Moment,
    lease::{Candidate, Outcome, Record},
};

use super::Invariant;
use crate::fact::Fact;

pub(super) struct FailClosed {
    nodes: Vec<Node>,
}

#[derive(Default)]
struct Node {
    settings: Option<Candidate>,
    /// The write in progress: its attempt, until when it makes the term valid, and whether it is a renewal.
    sent: Option<(u64, Moment, bool)>,
    /// Until when acknowledged writes allow the gate to be open.
    proven_until: Moment,
    /// Whether a reader has found the gate past its deadline.
    was_found_shut: bool,
}

impl FailClosed {
    pub(super) fn new(nodes: usize) -> Self {
        let nodes = (0..nodes).map(|_| Node::default()).collect();
        Self { nodes }
    }
}

impl Node {
    fn sent(&mut self, attempt: u64, record: &Record, sent_at: Moment) {
        let timing = self.settings.as_ref().map(|s| &s.timing);
        self.sent = timing.filter(|_| record.holder.is_some()).map(|timing| {
            let valid = timing.lease.saturating_sub(timing.guard);
            (attempt, sent_at + valid, record.token != 0)
        });
    }

    fn acknowledged(&mut self, attempt: u64, now: Moment) {
        let Some((_, until, renews)) = self.sent.take_if(|(sent, ..)| *sent == attempt) else {
            return;
        };
        if renews && now >= self.proven_until {
            return;
        }
        self.proven_until = self.proven_until.max(until);
    }

    fn allows(&self, deadline: Moment, what: &str) -> Result<(), String> {
        if deadline <= self.proven_until {
            return Ok(());
        }
        Err(format!(
            "{what} {} ns after what acknowledged writes allow",
            deadline.as_nanos() - self.proven_until.as_nanos()
        ))
    }
}

impl Invariant for FailClosed {
    fn name(&self) -> &'static str {
        "g4_fail_closed"
    }

    fn see(&mut self, _at: u64, node: usize, fact: &Fact<'_>) -> Result<(), String> {
        let node = &mut self.nodes[node];
        match fact {
            Fact::Started { settings } => {
                *node = Node {
                    settings: Some((*settings).clone()),
                    ..Node::default()
                };
            }
            Fact::Sent {
                attempt,
                record,
                sent_at,
                ..
            } => node.sent(*attempt, record, *sent_at),
            Fact::Answered {
                attempt,
                outcome: Outcome::Acknowledged(_),
                now,
            } => {
                node.acknowledged(*attempt, *now);
            }
            Fact::Began { deadline, .. } => node.allows(*deadline, "a term ends")?,
            Fact::Opened { deadline, .. } => {
                node.was_found_shut = false;
                node.allows(*deadline, "the gate opens up to")?;
            }
            Fact::Extended { deadline, .. } => {
                node.allows(*deadline, "the gate is renewed up to")?;
            }
            Fact::FoundShut => node.was_found_shut = true,
            Fact::Admitted { .. } if node.was_found_shut => {
                return Err("a gate is open again after a reader found it closed".to_owned());
            }
            Fact::Admitted { now } if *now >= node.proven_until => {
                node.allows(*now, "a request is admitted")?;
                return Err("a request is admitted at the deadline".to_owned());
            }
            Fact::Ended { .. } => node.proven_until = Moment::default(),
            _ => {}
        }
        Ok(())
    }
}
