//! A process that runs a machine, and its gates.

use std::{collections::BTreeMap, time::Duration};

use super::{
    super::{super::*, harness::*},
    GUARD_MS, LEASE_MS,
};
use crate::{clock::Moment, lease::Timing};

pub(super) fn timing() -> Timing {
    let part = |parts| Duration::from_millis(LEASE_MS / parts);
    Timing {
        lease: part(1),
        guard: Duration::from_millis(GUARD_MS),
        renew_every: part(3),
        request_timeout: part(6),
        drain_timeout: part(4),
        campaign_delay: part(100),
    }
}

#[derive(Clone)]
pub(super) struct Process {
    pub(super) id: usize,
    pub(super) machine: Machine,
    /// The real time at which its clock showed 0. A copy that resumes late has a later one.
    pub(super) born: u64,
    /// It does nothing before.
    pub(super) resumes_at: u64,
    pub(super) deadline: Option<Moment>,
    /// When the last record of its session was sent.
    pub(super) renewed_at: Option<Moment>,
    /// The tokens of the shards whose gates are open until the deadline.
    pub(super) open: BTreeMap<u32, u64>,
    /// Requests that it has not sent yet.
    pub(super) outbox: Vec<(u64, Action)>,
}

impl Process {
    pub(super) fn new(id: usize, node: Node, seed: u64) -> Self {
        Self {
            id,
            machine: Machine::new(node, seed),
            born: 0,
            resumes_at: 0,
            deadline: None,
            renewed_at: None,
            open: BTreeMap::new(),
            outbox: Vec::new(),
        }
    }

    pub(super) fn local(&self, real: u64) -> Moment {
        at(real.saturating_sub(self.born))
    }

    pub(super) fn is_open(&self, real: u64, shard: u32) -> bool {
        let valid = self.deadline.is_some_and(|until| self.local(real) < until);
        self.open.contains_key(&shard) && valid && real >= self.resumes_at
    }

    pub(super) fn wakes_at(&self) -> Option<u64> {
        let due = self.machine.poll_timeout()?;
        let local = due.saturating_since(at(0)).as_nanos().div_ceil(1_000_000);
        let local = u64::try_from(local).unwrap_or(u64::MAX);
        Some((self.born.saturating_add(local)).max(self.resumes_at))
    }

    /// Until when the image lets a gate be open, on its clock.
    pub(super) fn carries(&self) -> Moment {
        let granted = self.renewed_at.map(|sent| timing().valid_until(sent));
        granted.max(self.deadline).unwrap_or_default()
    }
}
