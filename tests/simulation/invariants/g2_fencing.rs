//! G2: every term has a fencing token larger than those of all earlier terms.

use super::Invariant;
use crate::fact::Fact;

#[derive(Default)]
pub(super) struct LargerTokens {
    largest: u64,
}

impl Invariant for LargerTokens {
    fn name(&self) -> &'static str {
        "g2_fencing"
    }

    fn see(&mut self, _at: u64, node: usize, fact: &Fact<'_>) -> Result<(), String> {
        let Fact::Granted { token, .. } = fact else {
            return Ok(());
        };
        let before = std::mem::replace(&mut self.largest, *token);
        if *token > before {
            return Ok(());
        }
        Err(format!(
            "node {node} begins a term with the token {token}, after one with {before}"
        ))
    }
}
