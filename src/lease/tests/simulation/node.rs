//! One simulated process: a machine, its clock, and the gate that its actions work.

use super::super::super::*;
use crate::clock::Moment;

/// The fastest clock is this much faster than the slowest.
pub(super) const DRIFT_PPM: u64 = 50_000;

pub(super) struct Node {
    pub(super) candidate: Candidate,
    pub(super) machine: Machine,
    /// Also the seed of the machine; new at every start.
    pub(super) session: u64,
    offset: u64,
    rate_ppm: u64,
    pub(super) wake_at: Option<u64>,
    pub(super) paused_until: u64,
    pub(super) cut_until: u64,
    pub(super) is_leaving: bool,
    pub(super) gate: Option<Gate>,
}

pub(super) struct Gate {
    pub(super) token: u64,
    deadline: Moment,
    open: bool,
}

impl Node {
    pub(super) fn new(candidate: Candidate, rng: &mut fastrand::Rng) -> Self {
        let mut node = Self {
            machine: Machine::new(candidate.clone(), 0),
            candidate,
            session: 0,
            offset: rng.u64(0..1_000_000_000_000),
            rate_ppm: rng.u64(0..=DRIFT_PPM),
            wake_at: None,
            paused_until: 0,
            cut_until: 0,
            is_leaving: false,
            gate: None,
        };
        node.restart(rng.u64(1..));
        node
    }

    /// The process dies, and a new one starts.
    pub(super) fn restart(&mut self, session: u64) {
        let candidate = Candidate {
            session: session.to_string(),
            ..self.candidate.clone()
        };
        self.machine = Machine::new(candidate, session);
        self.session = session;
        self.is_leaving = false;
        self.gate = None;
    }

    /// What the node's clock shows at the microsecond `real`.
    pub(super) fn local(&self, real: u64) -> Moment {
        Moment::from_nanos(self.offset + real * (1_000_000 + self.rate_ppm) / 1000)
    }

    /// The first microsecond at which the node's clock shows `moment`.
    pub(super) fn real(&self, moment: Moment) -> u64 {
        let nanos = moment.as_nanos().saturating_sub(self.offset);
        (nanos * 1000).div_ceil(1_000_000 + self.rate_ppm)
    }

    pub(super) fn is_open(&self, real: u64) -> bool {
        self.gate
            .as_ref()
            .is_some_and(|gate| gate.open && self.local(real) < gate.deadline)
    }

    /// Whether it would campaign with a token above `token`.
    pub(super) fn knows(&self, token: u64) -> bool {
        !self.is_leaving && self.machine.view.floor() >= token
    }

    pub(super) fn begin(&mut self, token: u64, deadline: Moment) {
        assert!(self.gate.is_none(), "a term within a term");
        self.gate = Some(Gate {
            token,
            deadline,
            open: false,
        });
    }

    pub(super) fn open(&mut self) {
        self.gate.as_mut().unwrap().open = true;
    }

    pub(super) fn extend(&mut self, deadline: Moment) {
        self.gate.as_mut().unwrap().deadline = deadline;
    }

    /// Shuts the gate, and names the term whose requests are to finish.
    pub(super) fn close(&mut self) -> u64 {
        let gate = self.gate.as_mut().unwrap();
        gate.open = false;
        gate.token
    }
}
