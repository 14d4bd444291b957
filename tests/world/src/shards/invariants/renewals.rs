//! R2: a session ends at the latest a lease without its guard after the send of its last renewal whose acknowledgement
//! arrived before the former deadline.

use std::{collections::BTreeMap, time::Duration};

use noleader::{
    clock::Moment,
    lease::Outcome,
    shards::protocol::{Record, SessionRecord},
};

use super::Invariant;
use crate::shards::{fact::Fact, settings::Settings};

pub(super) struct Renewals {
    valid: Duration,
    nodes: Vec<Node>,
}

#[derive(Clone, Default)]
struct Node {
    sent: BTreeMap<u64, Moment>,
    deadline: Moment,
    /// Until when the acknowledged renewals allow the session to be valid.
    proven_until: Moment,
}

impl Renewals {
    pub(super) fn new(settings: &Settings, nodes: usize) -> Self {
        let timing = settings.timing();
        Self {
            valid: timing.lease.saturating_sub(timing.guard),
            nodes: vec![Node::default(); nodes],
        }
    }
}

impl Invariant for Renewals {
    fn name(&self) -> &'static str {
        "renewals"
    }

    fn see(&mut self, _at: u64, node: usize, fact: &Fact<'_>) -> Result<(), String> {
        let n = &mut self.nodes[node];
        match fact {
            Fact::Started => *n = Node::default(),
            Fact::Sent {
                attempt,
                record: Record::Session(SessionRecord::Alive(_)),
                sent_at,
                ..
            } => _ = n.sent.insert(*attempt, *sent_at),
            Fact::Answered {
                attempt,
                outcome: Outcome::Acknowledged(_),
                now,
            } => {
                let sent_at = n.sent.remove(attempt);
                let is_late = n.deadline != Moment::default() && *now >= n.deadline;
                if let Some(sent_at) = sent_at.filter(|_| !is_late) {
                    n.proven_until = n.proven_until.max(sent_at + self.valid);
                }
            }
            Fact::Began { deadline, .. } | Fact::Extended { deadline, .. } => {
                n.deadline = *deadline;
                if *deadline > n.proven_until {
                    return Err(format!(
                        "the session of node {node} is valid for {} ns more than its renewals allow",
                        deadline.as_nanos() - n.proven_until.as_nanos()
                    ));
                }
            }
            Fact::Ended => {
                n.deadline = Moment::default();
                n.proven_until = Moment::default();
            }
            _ => {}
        }
        Ok(())
    }
}
