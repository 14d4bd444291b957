//! G3: a gate opens within a bound: once the faults have stopped, after a crash, and after a hand-over.

use noleader::lease::Outcome;

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
    /// By how much admitted work may delay it.
    drain: u64,
    /// Counted during a hand-over.
    writes: Option<Writes>,
}

#[derive(Debug, Default)]
struct Writes {
    releases: u32,
    /// Acquiring writes that were acknowledged: several may race, and one is applied.
    acquired: u32,
    /// The acquiring writes in progress: node and attempt.
    acquiring: Vec<(usize, u64)>,
}

impl Writes {
    fn see(&mut self, node: usize, fact: &Fact<'_>) {
        match fact {
            Fact::Sent { record, .. } if record.holder.is_none() => self.releases += 1,
            Fact::Sent {
                attempt, record, ..
            } if record.token == 0 => self.acquiring.push((node, *attempt)),
            Fact::Answered {
                attempt,
                outcome: Outcome::Acknowledged(_),
                ..
            } if self.acquiring.contains(&(node, *attempt)) => self.acquired += 1,
            _ => {}
        }
    }
}

impl Expected {
    /// The gate of the next leader opens.
    fn is_met(&self) -> Result<(), String> {
        match &self.writes {
            Some(writes) if (writes.releases, writes.acquired) != (1, 1) => Err(format!(
                "{} took more or less than a release and an acquiring write: {writes:?}",
                self.why
            )),
            _ => Ok(()),
        }
    }
}

impl Invariant for Failover {
    fn name(&self) -> &'static str {
        "g3_failover"
    }

    fn see(&mut self, at: u64, node: usize, fact: &Fact<'_>) -> Result<(), String> {
        if let Some(expected) = &self.expected
            && (at > expected.by || matches!(fact, Fact::End))
        {
            return Err(format!(
                "no gate has opened within {} ms of {}",
                (expected.by - expected.since) / MILLISECOND,
                expected.why
            ));
        }
        if let Some(writes) = self.expected.as_mut().and_then(|e| e.writes.as_mut()) {
            writes.see(node, fact);
        }
        match fact {
            Fact::Expect { by, why, hand_over } => {
                self.expected = Some(Expected {
                    since: at,
                    by: *by,
                    why: (*why).to_owned(),
                    writes: hand_over.map(|_| Writes::default()),
                    drain: hand_over.unwrap_or(0),
                });
            }
            Fact::Closing {
                has_requests: true, ..
            } => {
                if let Some(expected) = &mut self.expected {
                    expected.by += std::mem::take(&mut expected.drain);
                }
            }
            Fact::Opened { until, .. } if *until > at => {
                if let Some(expected) = self.expected.take() {
                    expected.is_met()?;
                }
            }
            // During a hand-over this is still the former leader.
            Fact::Extended { until, .. } if *until > at => {
                self.expected.take_if(|expected| expected.writes.is_none());
            }
            _ => {}
        }
        Ok(())
    }
}
