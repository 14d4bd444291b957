//! While nothing happens, a node writes only renewals of its session, at most 3.3 per lease, however many shards there
//! are.

use noleader::{
    clock::Moment,
    shards::protocol::{Record, SessionRecord},
};

use super::Invariant;
use crate::{
    journal::nanos,
    shards::{fact::Fact, settings::Settings},
};

const MOST_PER_LEASE: f64 = 3.3;

pub(super) struct Quiet {
    lease: f64,
    nodes: Vec<Option<Node>>,
}

#[derive(Clone)]
struct Node {
    since: Moment,
    renewals: u64,
}

impl Quiet {
    pub(super) fn new(settings: &Settings, nodes: usize) -> Self {
        Self {
            lease: settings.lease() as f64,
            nodes: vec![None; nodes],
        }
    }
}

impl Invariant for Quiet {
    fn name(&self) -> &'static str {
        "quiet"
    }

    fn see(&mut self, _at: u64, node: usize, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Settled { now } => {
                self.nodes[node] = Some(Node {
                    since: *now,
                    renewals: 0,
                });
            }
            Fact::Sent { key, record, .. } => {
                let Some(n) = &mut self.nodes[node] else {
                    return Ok(());
                };
                match record {
                    Record::Session(SessionRecord::Alive(_)) => n.renewals += 1,
                    _ => return Err(format!("node {node} writes {key} while nothing happens")),
                }
            }
            Fact::Unsettled { now } => {
                let Some(n) = self.nodes[node].take() else {
                    return Ok(());
                };
                let leases = nanos(now.saturating_since(n.since)) as f64 / self.lease;
                // One more than in the spans between renewals.
                if n.renewals as f64 > leases * MOST_PER_LEASE + 1.0 {
                    return Err(format!(
                        "node {node} renews its session {} times in {leases} leases",
                        n.renewals
                    ));
                }
            }
            _ => {}
        }
        Ok(())
    }
}
