//! R2: a session ends at the latest a lease without its guard after the send of its last renewal whose acknowledgement
//! arrived before the former deadline.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use noleader::{
    clock::Moment,
    lease::Outcome,
    shards::protocol::{Record, SessionId, SessionRecord},
};

use super::Invariant;
use crate::shards::{fact::Fact, settings::Settings};

pub(super) struct Renewals {
    valid: Duration,
    nodes: Vec<Node>,
}

#[derive(Clone, Default)]
struct Node {
    /// The renewals in progress: their sessions, and when they were sent.
    sent: BTreeMap<u64, (SessionId, Moment)>,
    /// The session that the node holds, if it does.
    session: Option<SessionId>,
    deadline: Moment,
    /// Until when the acknowledged renewals of each session allow it to be valid.
    proven: HashMap<SessionId, Moment>,
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

impl Node {
    fn extend(&mut self, node: usize, deadline: Moment) -> Result<(), String> {
        self.deadline = deadline;
        let proven = self.session.and_then(|session| self.proven.get(&session));
        match proven {
            Some(until) if deadline <= *until => Ok(()),
            _ => Err(format!(
                "the session of node {node} is valid until {deadline:?}, and its renewals allow {proven:?}"
            )),
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
                record: Record::Session(SessionRecord::Alive(alive)),
                sent_at,
                ..
            } => _ = n.sent.insert(*attempt, (alive.session, *sent_at)),
            Fact::Answered {
                attempt,
                outcome: Outcome::Acknowledged(_),
                now,
            } => {
                let Some((session, sent_at)) = n.sent.remove(attempt) else {
                    return Ok(());
                };
                let is_late = n.session == Some(session) && *now >= n.deadline;
                if !is_late {
                    let proven = n.proven.entry(session).or_default();
                    *proven = (*proven).max(sent_at + self.valid);
                }
            }
            Fact::Began {
                session, deadline, ..
            } => {
                n.session = Some(*session);
                return n.extend(node, *deadline);
            }
            Fact::Extended { deadline, .. } => return n.extend(node, *deadline),
            Fact::Ended => n.session = None,
            _ => {}
        }
        Ok(())
    }
}
