//! G3: there is a leader again within a bound, once nothing goes wrong any more; after a crash, and after a
//! hand-over, which is prompt.

use super::Invariant;
use crate::{clock::MILLISECOND, fact::Fact};

#[derive(Default)]
pub(super) struct Failover {
    expected: Option<Expected>,
}

struct Expected {
    since: u64,
    by: u64,
    why: String,
}

impl Invariant for Failover {
    fn name(&self) -> &'static str {
        "g3_failover"
    }

    fn see(&mut self, at: u64, _node: usize, fact: &Fact<'_>) -> Result<(), String> {
        if let Some(expected) = &self.expected
            && (at > expected.by || matches!(fact, Fact::End))
        {
            return Err(format!(
                "no gate has opened within {} ms of {}",
                (expected.by - expected.since) / MILLISECOND,
                expected.why
            ));
        }
        match fact {
            Fact::Expect { by, why } => {
                self.expected = Some(Expected {
                    since: at,
                    by: *by,
                    why: (*why).to_owned(),
                });
            }
            Fact::Opened { .. } | Fact::Extended { .. } => self.expected = None,
            _ => {}
        }
        Ok(())
    }
}
