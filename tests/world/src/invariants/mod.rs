//! The invariants of every run, one file each.

mod g1_one_gate;
mod g2_fencing;
mod g2_lost_writes;
mod g3_failover;
mod g4_fail_closed;
mod g5_drain;
mod g6_seamless;
mod grants;
mod liveness;
mod requests;
mod waiters;
mod work;

use crate::{fact::Fact, settings::Settings};

/// Something that must hold, checked against every fact of a run.
pub(crate) trait Invariant: Send {
    /// The name of its file.
    fn name(&self) -> &'static str;

    /// Checks an event on `node` at the real time `at`.
    ///
    /// # Errors
    ///
    /// A description of the violation.
    fn see(&mut self, at: u64, node: usize, fact: &Fact<'_>) -> Result<(), String>;
}

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub invariant: &'static str,
    pub what: String,
}

pub(crate) struct Invariants(Vec<Box<dyn Invariant>>);

impl Invariants {
    /// The invariants that hold under the plan of a run, for `nodes` nodes.
    pub(crate) fn of(settings: &Settings, nodes: usize) -> Self {
        let plan = settings.plan;
        let mut all: Vec<Box<dyn Invariant>> = vec![Box::new(g1_one_gate::OneGate::new(nodes))];
        if settings.promises_larger_tokens() {
            all.push(Box::new(g2_fencing::LargerTokens::default()));
        }
        if plan.loses_writes() {
            all.push(Box::new(g2_lost_writes::GrowingTokens::new(settings)));
        }
        if plan.is_inside() {
            all.push(Box::new(g3_failover::Failover::default()));
            all.push(Box::new(g4_fail_closed::FailClosed::new(nodes)));
            all.push(Box::new(g5_drain::Drain::new(nodes)));
            all.push(Box::new(g6_seamless::Seamless::default()));
            all.push(Box::new(waiters::Waiters::new(nodes)));
            all.push(Box::new(liveness::Liveness::new(nodes)));
            all.push(Box::new(grants::Grants::new(nodes)));
            all.push(Box::new(requests::Requests::default()));
            all.push(Box::new(work::Work::new(nodes)));
        }
        Self(all)
    }

    pub(crate) fn see(&mut self, at: u64, node: usize, fact: &Fact<'_>) -> Vec<Violation> {
        let violated = self.0.iter_mut().filter_map(|invariant| {
            let what = invariant.see(at, node, fact).err()?;
            Some(Violation {
                invariant: invariant.name(),
                what,
            })
        });
        violated.collect()
    }
}
