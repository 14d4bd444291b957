use std::{sync::Arc, time::Duration};

use crate::{
    clock::FakeClock,
    task::{
        admission::Admission,
        gate::{Drain, Gate},
        held_lease::HeldLease,
        term::Term,
    },
};

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// A gate and its clock.
#[derive(Clone)]
pub(super) struct Gated {
    pub(super) gate: Arc<Gate>,
    pub(super) clock: FakeClock,
}

impl Gated {
    pub(super) fn new() -> Self {
        let clock = FakeClock::new();
        Self {
            gate: Arc::new(Gate::new()),
            clock,
        }
    }

    /// Opens the gate for a second.
    pub(super) fn open(&self, token: u64) -> Term {
        let deadline = self.clock.now() + SECOND;
        let term = Term::new(
            token.into(),
            HeldLease::new(deadline, self.clock.clone().into()),
        );
        self.gate.begin(term.clone());
        self.gate.open();
        term
    }

    /// Ends the term as the task does.
    pub(super) fn end(&self) -> Drain {
        let drain = self.gate.shut();
        self.gate.end();
        drain
    }

    pub(super) fn admit(&self) -> Option<Admission> {
        self.gate.admit(Duration::ZERO)
    }
}
