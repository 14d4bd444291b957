//! G2: every term of a shard has a fencing token larger than those of all its earlier terms.
//!
//! Where the server loses writes that it acknowledged, this holds for two terms if more time lies between their claims
//! than between the wall clocks of two nodes.

use std::collections::BTreeMap;

use noleader::shards::protocol::{Key, Ownership, Record};

use super::Invariant;
use crate::{
    clock::MILLISECOND,
    shards::{fact::Fact, settings::Settings},
};

#[derive(Default)]
pub(super) struct LargerTokens {
    largest: BTreeMap<u32, u64>,
    /// The gates that a process which was held up opened after its session's end, by node and shard. They admit nothing,
    /// so they are no terms, unless the session is extended after all.
    late: BTreeMap<(usize, u32), u64>,
}

impl LargerTokens {
    fn begins(&mut self, node: usize, shard: u32, token: u64) -> Result<(), String> {
        match self.largest.insert(shard, token) {
            Some(before) if before >= token => Err(format!(
                "node {node} opens shard {shard} with the token {token}, after {before}"
            )),
            _ => Ok(()),
        }
    }

    /// Forgets the late gates of a node, and returns them.
    fn take_late(&mut self, node: usize) -> Vec<(u32, u64)> {
        let of_node = |(of, _): &(usize, u32)| *of == node;
        let late = self.late.iter().filter(|(key, _)| of_node(key));
        let late = late.map(|((_, shard), token)| (*shard, *token)).collect();
        self.late.retain(|key, _| !of_node(key));
        late
    }
}

impl Invariant for LargerTokens {
    fn name(&self) -> &'static str {
        "tokens"
    }

    fn see(&mut self, at: u64, node: usize, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Opened {
                shard,
                token,
                until,
            } if *until <= at => {
                self.late.insert((node, *shard), *token);
                Ok(())
            }
            Fact::Opened { shard, token, .. } => self.begins(node, *shard, *token),
            Fact::Extended { until, .. } | Fact::Retimed { until } if *until > at => {
                let late = self.take_late(node);
                late.into_iter()
                    .try_for_each(|(shard, token)| self.begins(node, shard, token))
            }
            Fact::Shut { shard } => {
                self.late.remove(&(node, *shard));
                Ok(())
            }
            Fact::Began { .. } | Fact::Ended => {
                self.take_late(node);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// Wall clocks are read in whole milliseconds, and a token may be a few more than its time, if terms follow each other
/// within one.
const SLACK: u64 = 3 * MILLISECOND;

pub(super) struct GrowingTokens {
    /// By how much two wall clocks may differ.
    spread: u64,
    /// When each node last decided on a claim of each shard.
    claimed: Vec<BTreeMap<u32, u64>>,
    /// The terms of each shard: when its claim was decided on, and its token.
    terms: BTreeMap<u32, Vec<(u64, u64)>>,
}

impl GrowingTokens {
    pub(super) fn new(settings: &Settings, nodes: usize) -> Self {
        Self {
            spread: settings.wall_spread_ms() * MILLISECOND + SLACK,
            claimed: vec![BTreeMap::new(); nodes],
            terms: BTreeMap::new(),
        }
    }
}

impl Invariant for GrowingTokens {
    fn name(&self) -> &'static str {
        "lost_writes"
    }

    fn see(&mut self, at: u64, node: usize, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Sent {
                key: Key::Shard(shard),
                record: Record::Shard(Ownership::Held(_)),
                ..
            } => {
                self.claimed[node].insert(*shard, at);
                Ok(())
            }
            Fact::Opened { shard, token, .. } => {
                let since = self.claimed[node].get(shard).copied().unwrap_or(at);
                let terms = self.terms.entry(*shard).or_default();
                let is_wrong = |&&(other, before): &&(u64, u64)| {
                    let is_later = since > other + self.spread && *token <= before;
                    let is_earlier = other > since + self.spread && *token >= before;
                    is_later || is_earlier
                };
                let wrong = terms.iter().find(is_wrong).copied();
                terms.push((since, *token));
                match wrong {
                    None => Ok(()),
                    Some((other, before)) => Err(format!(
                        "node {node} claims shard {shard} with {token} at {since} ns, and another term has {before} from {other} ns"
                    )),
                }
            }
            _ => Ok(()),
        }
    }
}
