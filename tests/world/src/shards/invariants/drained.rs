//! G5: a shard is freed, and a session is ended by its own process, once the gates are closed and the admitted requests
//! and warm-ups have ended, or at the drain timeout.

use super::Invariant;
use crate::shards::fact::Fact;

pub(super) struct Drained;

impl Invariant for Drained {
    fn name(&self) -> &'static str {
        "drained"
    }

    fn see(&mut self, _at: u64, node: usize, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Freeing {
                shard,
                is_open: true,
                ..
            } => Err(format!("node {node} frees shard {shard}, which is open")),
            Fact::Freeing {
                shard,
                inside: 1..,
                has_timed_out: false,
                ..
            } => Err(format!(
                "node {node} frees shard {shard}, which is not drained"
            )),
            Fact::Leaving { is_open: true, .. } => Err(format!("node {node} leaves and is open")),
            Fact::Leaving {
                inside: 1..,
                has_timed_out: false,
                ..
            } => Err(format!("node {node} leaves and is not drained")),
            _ => Ok(()),
        }
    }
}
