//! One process: a machine, its clock, its term, and the checks that concern it alone.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    answers::Answers,
    clock::Moment,
    drain::Drain,
    ends::Evidence,
    gate::{Grant, Term},
    grants::Sightings,
    lease::{Candidate, Machine, Observation, Record, Timing},
    names::NodeId,
    script::{Plan, Setup},
};

/// The lease of all nodes, if leases are equal.
pub(crate) const LEASE: Duration = Duration::from_millis(500);

/// The largest difference between the rates of two clocks, in thousandths.
const MAX_RATE: u64 = 50;

pub(crate) struct Node {
    pub(crate) me: Candidate,
    seed: u8,
    pub(crate) machine: Machine,
    /// Identifies the process of this node.
    pub(crate) session: u64,
    pub(crate) clock: Moment,
    rate: u64,
    pub(crate) term: Option<Term>,
    /// The writes of this process: when each was sent, over which revision, and what.
    writes: BTreeMap<u64, (Moment, u64, Record)>,
    pub(crate) drain: Drain,
    pub(crate) answers: Answers,
    pub(crate) evidence: Evidence,
    pub(crate) sightings: Sightings,
    /// The token of its latest term.
    pub(crate) top_token: u64,
    pub(crate) is_leaving: bool,
    /// Whether its watch has failed.
    pub(crate) is_deaf: bool,
    pub(crate) failed_warm_ups: u32,
    /// It does not campaign before this time.
    pub(crate) cool_until: Moment,
}

impl Node {
    pub(crate) fn new(setup: Setup, plan: Plan, session: u64) -> Self {
        let me = candidate(setup, plan, session);
        let clock = Moment::from_nanos(u64::from(setup.offset));
        let rate = u64::from(setup.rate) % (MAX_RATE + 1);
        Self::start(me, setup.seed, (clock, rate), session)
    }

    fn start(me: Candidate, seed: u8, (clock, rate): (Moment, u64), session: u64) -> Self {
        Self {
            machine: Machine::new(me.clone(), u64::from(seed) << 32 | session),
            me,
            seed,
            session,
            clock,
            rate,
            term: None,
            writes: BTreeMap::new(),
            drain: Drain::default(),
            answers: Answers::default(),
            evidence: Evidence::default(),
            sightings: Sightings::default(),
            top_token: 0,
            is_leaving: false,
            is_deaf: false,
            failed_warm_ups: 0,
            cool_until: clock,
        }
    }

    pub(crate) fn restart(&mut self, session: u64) {
        let mut me = self.me.clone();
        me.session = session.to_string();
        *self = Self::start(me, self.seed, (self.clock, self.rate), session);
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
        self.evidence.sent();
        self.writes.insert(attempt, (self.clock, expected, record));
    }

    /// Records that the process has seen its own write.
    pub(crate) fn wrote(&mut self, attempt: u64, revision: u64) {
        if let Some((_, _, record)) = self.writes.get(&attempt) {
            let value = Some(record.encode());
            let seen = Observation::new(revision, value);
            self.sightings.saw(&seen, self.clock);
        }
    }

    /// The grant by the acknowledged write `attempt` at `revision`, and the revision that it replaced.
    pub(crate) fn grant(&self, attempt: u64, revision: u64) -> (u64, Grant<'_>) {
        let (sent_at, expected, record) = &self.writes[&attempt];
        let timing = &self.me.timing;
        let grant = Grant {
            record,
            revision,
            valid_until: *sent_at + (timing.lease - timing.guard),
        };
        (*expected, grant)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.term.as_ref().is_some_and(|t| t.is_open(self.clock))
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.machine.is_stopped()
    }

    /// Whether it may lead again.
    pub(crate) fn stays(&self) -> bool {
        !self.me.observer && !self.is_leaving && !self.is_stopped()
    }
}

fn candidate(setup: Setup, plan: Plan, session: u64) -> Candidate {
    let lease = match plan {
        Plan::UnequalLeases => LEASE / 2 * (1 + u32::from(setup.lease % 3)),
        _ => LEASE,
    };
    Candidate {
        id: NodeId::parse("node").expect("a valid id"),
        session: session.to_string(),
        address: None,
        timing: timing(lease),
        // At least one node must be able to lead.
        observer: setup.is_observer() && session > 0,
        warm_up: setup.warms_up(),
        trust_absent_key: setup.trusts_absent_key() && plan.may_trust_absent_key(),
    }
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
