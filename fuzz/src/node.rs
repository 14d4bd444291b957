//! One process: a machine, its clock and its term.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    clock::Moment,
    lease::{Candidate, Machine, Record, Timing},
};

use crate::{
    gate::{Grant, Term},
    script::{Plan, Setup},
};

/// The lease of all, where leases are equal.
pub(crate) const LEASE: Duration = Duration::from_millis(500);

/// The fastest clock is so many thousandths faster than the slowest.
const MAX_RATE: u64 = 50;

pub(crate) struct Node {
    setup: Setup,
    timing: Timing,
    pub(crate) machine: Machine,
    /// Tells one process of this node from the next.
    pub(crate) session: u64,
    pub(crate) clock: Moment,
    rate: u64,
    pub(crate) term: Option<Term>,
    /// The writes of this process: when each was sent, over which revision, and what.
    writes: BTreeMap<u64, (Moment, u64, Record)>,
}

impl Node {
    pub(crate) fn new(setup: Setup, plan: Plan, session: u64) -> Self {
        let timing = timing(match plan {
            Plan::UnequalLeases => LEASE / 2 * (1 + u32::from(setup.lease % 3)),
            Plan::Removals | Plan::Lawless => LEASE,
        });
        Self {
            setup,
            machine: machine(setup, timing.clone(), session),
            timing,
            session,
            clock: Moment::from_nanos(u64::from(setup.offset)),
            rate: u64::from(setup.rate) % (MAX_RATE + 1),
            term: None,
            writes: BTreeMap::new(),
        }
    }

    pub(crate) fn restart(&mut self, session: u64) {
        self.machine = machine(self.setup, self.timing.clone(), session);
        self.session = session;
        self.term = None;
        self.writes.clear();
    }

    pub(crate) fn set_rate(&mut self, rate: u8) {
        self.rate = u64::from(rate) % (MAX_RATE + 1);
    }

    pub(crate) fn pass(&mut self, micros: u64) {
        self.clock = self.clock + Duration::from_nanos(micros * (1000 + self.rate));
    }

    /// Real microseconds until this clock shows what the machine waits for.
    pub(crate) fn sleep(&self) -> Option<u64> {
        let at = self.machine.poll_timeout()?;
        let nanos = at.as_nanos().saturating_sub(self.clock.as_nanos());
        Some(nanos.div_ceil(1000 + self.rate))
    }

    pub(crate) fn sent(&mut self, attempt: u64, expected: u64, record: Record) {
        self.writes.insert(attempt, (self.clock, expected, record));
    }

    /// What the acknowledgement of the write `attempt` at `revision` grants, and over which revision.
    pub(crate) fn grant(&self, attempt: u64, revision: u64) -> (u64, Grant<'_>) {
        let (sent_at, expected, record) = &self.writes[&attempt];
        let grant = Grant {
            record,
            revision,
            valid_until: *sent_at + (self.timing.lease - self.timing.guard),
        };
        (*expected, grant)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.term.as_ref().is_some_and(|t| t.is_open(self.clock))
    }
}

fn machine(setup: Setup, timing: Timing, session: u64) -> Machine {
    let candidate = Candidate {
        id: "node".to_owned(),
        session: session.to_string(),
        address: None,
        timing,
        observer: false,
        warm_up: setup.warm_up,
        trust_absent_key: false,
    };
    Machine::new(candidate, u64::from(setup.seed) << 32 | session)
}

fn timing(lease: Duration) -> Timing {
    Timing {
        lease,
        guard: lease / 20,
        renew_every: lease / 3,
        request_timeout: lease / 6,
        drain_timeout: lease / 4,
        campaign_delay: Duration::from_millis(5),
    }
}
