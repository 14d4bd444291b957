use std::{sync::Arc, time::Duration};

use crate::{
    Admission, Term,
    clock::FakeClock,
    task::{Gate, gate::Drain},
};

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// A gate, and the clock that it reads.
#[derive(Clone)]
pub(super) struct Gated {
    pub(super) gate: Arc<Gate>,
    pub(super) clock: FakeClock,
}

impl Gated {
    pub(super) fn new() -> Self {
        let clock = FakeClock::new();
        Self {
            gate: Arc::new(Gate::new(clock.clone().into())),
            clock,
        }
    }

    /// Opens it for a second.
    pub(super) fn open(&self, token: u64) -> Term {
        let deadline = self.clock.now() + SECOND;
        let term = Term::new(token, deadline, self.clock.clone().into());
        self.gate.open(term.clone(), deadline);
        term
    }

    /// The term's end, as the task brings it about.
    pub(super) fn end(&self, term: &Term) -> Drain {
        let drain = self.gate.shut();
        term.end();
        drain
    }

    pub(super) fn admit(&self) -> Option<Admission> {
        self.gate.admit(Duration::ZERO)
    }
}
