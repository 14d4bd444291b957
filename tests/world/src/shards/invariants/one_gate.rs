//! G1: at no instant of real time are two gates of one shard open.
//!
//! A gate is open from its opening until it closes or its session's deadline passes, whether it is read or not, and also
//! in a paused process. Deadlines are compared as real times.

use std::collections::BTreeSet;

use super::Invariant;
use crate::shards::fact::Fact;

pub(super) struct OneGate {
    nodes: Vec<Gates>,
}

#[derive(Clone, Default)]
struct Gates {
    /// Until when the session is valid.
    until: u64,
    open: BTreeSet<u32>,
}

impl OneGate {
    pub(super) fn new(nodes: usize) -> Self {
        Self {
            nodes: vec![Gates::default(); nodes],
        }
    }

    fn check(&self, at: u64, node: usize, shard: u32) -> Result<(), String> {
        let until = self.nodes[node].until;
        let others = self.nodes.iter().enumerate();
        let is_open = |other: &Gates| other.until > at && other.open.contains(&shard);
        match others
            .into_iter()
            .find(|(other, gates)| *other != node && is_open(gates))
        {
            Some((other, gates)) if until > at => Err(format!(
                "the gates of shard {shard} on nodes {node} and {other} are open at once, for {} ns",
                until.min(gates.until) - at
            )),
            _ => Ok(()),
        }
    }
}

impl Invariant for OneGate {
    fn name(&self) -> &'static str {
        "one_gate"
    }

    fn see(&mut self, at: u64, node: usize, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Began { until, .. } => {
                self.nodes[node] = Gates {
                    until: *until,
                    open: BTreeSet::new(),
                };
                Ok(())
            }
            Fact::Extended { until, .. } | Fact::Retimed { until } => {
                self.nodes[node].until = *until;
                let open = self.nodes[node].open.iter();
                open.copied()
                    .try_for_each(|shard| self.check(at, node, shard))
            }
            Fact::Opened { shard, .. } => {
                self.nodes[node].open.insert(*shard);
                self.check(at, node, *shard)
            }
            Fact::Shut { shard } => {
                self.nodes[node].open.remove(shard);
                Ok(())
            }
            Fact::Ended => {
                self.nodes[node] = Gates::default();
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
