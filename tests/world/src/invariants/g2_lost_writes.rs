//! G2 where the server loses writes that it acknowledged: of two terms, the later one has the larger token, if more time
//! lies between their acquiring writes than between the wall clocks of two nodes.

use super::Invariant;
use crate::{clock::MILLISECOND, fact::Fact, settings::Settings};

/// Wall clocks are read in whole milliseconds, and a token may be a few more than its time, if terms follow each other
/// within one.
const SLACK: u64 = 3 * MILLISECOND;

pub(super) struct GrowingTokens {
    /// By how much two wall clocks may differ.
    spread: u64,
    /// When the acquiring write of each term was decided on, and the term's token.
    terms: Vec<(u64, u64)>,
}

impl GrowingTokens {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            spread: settings.wall_spread_ms() * MILLISECOND + SLACK,
            terms: Vec::new(),
        }
    }
}

impl Invariant for GrowingTokens {
    fn name(&self) -> &'static str {
        "g2_lost_writes"
    }

    fn see(&mut self, _at: u64, node: usize, fact: &Fact<'_>) -> Result<(), String> {
        let Fact::Began {
            token,
            acquiring_since: since,
            ..
        } = fact
        else {
            return Ok(());
        };
        let is_wrong = |&&(other, before): &&(u64, u64)| {
            let is_later = *since > other + self.spread && *token <= before;
            let is_earlier = other > since + self.spread && *token >= before;
            is_later || is_earlier
        };
        let wrong = self.terms.iter().find(is_wrong).copied();
        self.terms.push((*since, *token));
        match wrong {
            None => Ok(()),
            Some((other, before)) => Err(format!(
                "node {node} acquires the token {token} at {since} ns, and another term {before} at {other} ns"
            )),
        }
    }
}
