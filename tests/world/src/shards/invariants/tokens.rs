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
}

impl Invariant for LargerTokens {
    fn name(&self) -> &'static str {
        "tokens"
    }

    fn see(&mut self, at: u64, node: usize, fact: &Fact<'_>) -> Result<(), String> {
        let Fact::Opened {
            shard,
            token,
            until,
        } = fact
        else {
            return Ok(());
        };
        // A process that was held up may open a gate after its session's end, when nothing is admitted any more.
        if *until <= at {
            return Ok(());
        }
        match self.largest.insert(*shard, *token) {
            Some(before) if before >= *token => Err(format!(
                "node {node} opens shard {shard} with the token {token}, after {before}"
            )),
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
