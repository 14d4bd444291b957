//! G4: a request is admitted only while the gate of its shard is open under the same token, and the session's deadline
//! lies ahead. A session that one reader found past its deadline stays so for all.

use super::Invariant;
use crate::shards::fact::Fact;

pub(super) struct Admissions;

impl Invariant for Admissions {
    fn name(&self) -> &'static str {
        "admissions"
    }

    fn see(&mut self, _at: u64, node: usize, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Admitted {
                shard,
                token,
                is_open: false,
            } => Err(format!(
                "node {node} admits a request for shard {shard} under {token}"
            )),
            _ => Ok(()),
        }
    }
}
