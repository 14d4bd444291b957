//! The key's server: one register with a compare-and-set, and its past for stale reads.

use crate::lease::{Observation, Outcome, Record};

pub(crate) struct Register {
    /// All states that the key has had, the last one last.
    history: Vec<Observation>,
    sequence: u64,
}

impl Register {
    pub(crate) fn new() -> Self {
        Self {
            history: vec![absent()],
            sequence: 1_000_000,
        }
    }

    pub(crate) fn read(&self, stale: usize) -> Observation {
        let last = self.history.len() - 1;
        self.history[last.saturating_sub(stale)].clone()
    }

    pub(crate) fn compare_and_set(&mut self, expected: u64, record: &Record) -> Outcome {
        if self.read(0).revision != expected {
            return Outcome::Conflict;
        }
        Outcome::Acknowledged(self.put(Some(record.encode())).revision)
    }

    /// Writes, whatever stands there.
    pub(crate) fn put(&mut self, value: Option<Vec<u8>>) -> Observation {
        self.sequence += 1;
        let revision = self.sequence;
        self.history.push(Observation { revision, value });
        self.read(0)
    }

    /// The key is gone, and its revision too.
    pub(crate) fn remove(&mut self) {
        self.history.push(absent());
    }

    pub(crate) fn lose_data(&mut self) {
        self.sequence = 0;
        self.history.clear();
        self.remove();
    }
}

fn absent() -> Observation {
    Observation {
        revision: 0,
        value: None,
    }
}
