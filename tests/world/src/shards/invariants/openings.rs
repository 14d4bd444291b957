//! R6: no term of a shard begins without a claim that was acknowledged to this process in time, and that names its
//! current session. A claim is sent while that is valid. No term begins twice.

use std::{collections::BTreeMap, time::Duration};

use noleader::{
    clock::Moment,
    lease::Outcome,
    shards::protocol::{Key, Ownership, Record, SessionId},
};

use super::Invariant;
use crate::shards::{fact::Fact, settings::Settings};

pub(super) struct Openings {
    request_timeout: Duration,
    nodes: Vec<Node>,
}

#[derive(Clone, Default)]
struct Node {
    session: Option<(SessionId, Moment)>,
    /// The claims in progress: the shard, the record, and when it was sent.
    sent: BTreeMap<u64, (u32, Ownership, Moment)>,
    /// The terms whose claims were acknowledged, and the sessions in the claims.
    acknowledged: BTreeMap<(u32, u64), SessionId>,
    /// The terms that have begun and have not ended.
    begun: BTreeMap<u32, u64>,
}

impl Openings {
    pub(super) fn new(settings: &Settings, nodes: usize) -> Self {
        Self {
            request_timeout: settings.timing().request_timeout,
            nodes: vec![Node::default(); nodes],
        }
    }
}

impl Node {
    fn claimed(&mut self, node: usize, shard: u32, token: u64) -> Result<(), String> {
        if self.begun.insert(shard, token) == Some(token) {
            return Ok(());
        }
        let session = self.acknowledged.remove(&(shard, token));
        match session {
            Some(session) if self.session.is_some_and(|(of, _)| of == session) => Ok(()),
            Some(_) => Err(format!(
                "node {node} begins a term of shard {shard} with the claim of an earlier session"
            )),
            None => Err(format!(
                "node {node} begins a term of shard {shard} without a claim"
            )),
        }
    }
}

impl Invariant for Openings {
    fn name(&self) -> &'static str {
        "openings"
    }

    fn see(&mut self, _at: u64, node: usize, fact: &Fact<'_>) -> Result<(), String> {
        let n = &mut self.nodes[node];
        match fact {
            Fact::Started => *n = Node::default(),
            Fact::Began {
                session, deadline, ..
            } => {
                n.session = Some((*session, *deadline));
                n.begun.clear();
            }
            Fact::Extended { deadline, .. } => {
                n.session = n.session.map(|(session, _)| (session, *deadline));
            }
            Fact::Ended => {
                n.session = None;
                n.begun.clear();
            }
            Fact::Sent {
                attempt,
                key: Key::Shard(shard),
                record: Record::Shard(record @ Ownership::Held(held)),
                sent_at,
            } => {
                n.sent.insert(*attempt, (*shard, record.clone(), *sent_at));
                let is_valid =
                    |(of, until): (SessionId, Moment)| of == held.session && *sent_at < until;
                if !n.session.is_some_and(is_valid) {
                    return Err(format!(
                        "node {node} claims shard {shard} after the end of its session"
                    ));
                }
            }
            Fact::Answered {
                attempt,
                outcome: Outcome::Acknowledged(revision),
                ..
            } => {
                if let Some((shard, record, _)) = n.sent.remove(attempt)
                    && let Ownership::Held(held) = &record
                {
                    let token = record.token_at(*revision);
                    n.acknowledged.insert((shard, token), held.session);
                }
            }
            // The others are given up.
            Fact::Received { now } => n
                .sent
                .retain(|_, (.., sent_at)| *now < *sent_at + self.request_timeout),
            Fact::Claimed { shard, token } => return n.claimed(node, *shard, *token),
            Fact::Opened { shard, token, .. } if n.begun.get(shard) != Some(token) => {
                return Err(format!("node {node} opens shard {shard} after its term"));
            }
            Fact::Shut { shard } => _ = n.begun.remove(shard),
            _ => {}
        }
        Ok(())
    }
}
