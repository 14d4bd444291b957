//! G2: every term has a fencing token larger than those of all earlier terms.

use std::collections::HashSet;

use super::Invariant;
use crate::fact::Fact;

#[derive(Default)]
pub(super) struct LargerTokens {
    largest: u64,
    seen: HashSet<u64>,
}

impl Invariant for LargerTokens {
    fn name(&self) -> &'static str {
        "g2_fencing"
    }

    fn see(&mut self, _at: u64, node: usize, fact: &Fact<'_>) -> Result<(), String> {
        let Fact::Began {
            token,
            deadline,
            now,
            ..
        } = fact
        else {
            return Ok(());
        };
        let before = self.largest;
        self.largest = before.max(*token);
        let is_new = self.seen.insert(*token);
        // A process that was held up may publish a term after its end, and after the next term of another node.
        if *token > before || is_new && now >= deadline {
            return Ok(());
        }
        Err(format!(
            "node {node} begins a term with the token {token}, after one with {before}"
        ))
    }
}
