//! G1: at no instant of real time are two gates open.
//!
//! A gate is open from its opening until it closes or its deadline passes, whether it is read or not, and also in a
//! paused process. Deadlines are compared as real times.

use super::Invariant;
use crate::fact::Fact;

pub(super) struct OneGate {
    /// Up to when each node's gate is open.
    open_until: Vec<u64>,
}

impl OneGate {
    pub(super) fn new(nodes: usize) -> Self {
        Self {
            open_until: vec![0; nodes],
        }
    }

    /// Two intervals overlap only if one is still open when the other begins. An extension begins an interval as well:
    /// it reopens a gate whose deadline passed unread.
    fn open(&mut self, at: u64, node: usize, until: u64) -> Result<(), String> {
        self.open_until[node] = until;
        let others = self.open_until.iter().enumerate();
        match others
            .into_iter()
            .find(|(other, open)| *other != node && **open > at)
        {
            Some((other, open)) if until > at => Err(format!(
                "the gates of nodes {node} and {other} are open at once, for {} ns",
                until.min(*open) - at
            )),
            _ => Ok(()),
        }
    }
}

impl Invariant for OneGate {
    fn name(&self) -> &'static str {
        "g1_one_gate"
    }

    fn see(&mut self, at: u64, node: usize, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Opened { until, .. } | Fact::Extended { until, .. } | Fact::Retimed { until } => {
                self.open(at, node, *until)
            }
            Fact::Shut => {
                self.open_until[node] = self.open_until[node].min(at);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
