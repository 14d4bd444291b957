//! The server of the key: one register with a compare-and-set, and its history for stale reads.

use crate::lease::{Observation, Outcome, Record};

pub(crate) struct Register {
    /// All states of the key, in order.
    history: Vec<State>,
    sequence: u64,
    /// How often the stream was lost.
    pub(crate) epoch: u64,
}

struct State {
    seen: Observation,
    /// The process that wrote it; `None` for another client.
    by: Option<u64>,
    at: u64,
}

impl Register {
    pub(crate) fn new() -> Self {
        let mut register = Self {
            history: Vec::new(),
            sequence: 1_000_000,
            epoch: 0,
        };
        register.remove(0);
        register
    }

    pub(crate) fn read(&self, stale: usize) -> Observation {
        let last = self.history.len() - 1;
        self.history[last.saturating_sub(stale)].seen.clone()
    }

    /// When the key last changed.
    pub(crate) fn changed_at(&self) -> u64 {
        self.history.last().map_or(0, |state| state.at)
    }

    pub(crate) fn compare_and_set(
        &mut self,
        at: u64,
        expected: u64,
        record: &Record,
        by: u64,
    ) -> Outcome {
        if self.read(0).revision() != expected {
            return Outcome::Conflict;
        }
        Outcome::Acknowledged(self.put(at, Some(record.encode()), Some(by)))
    }

    /// Writes without a condition.
    pub(crate) fn put(&mut self, at: u64, value: Option<Vec<u8>>, by: Option<u64>) -> u64 {
        self.sequence += 1;
        let revision = self.sequence;
        let seen = Observation::new(revision, value);
        self.history.push(State { seen, by, at });
        revision
    }

    /// Removes the key with its revision.
    pub(crate) fn remove(&mut self, at: u64) {
        let seen = Observation::absent();
        self.history.push(State { seen, by: None, at });
    }

    pub(crate) fn lose_data(&mut self, at: u64) {
        self.sequence = 0;
        self.epoch += 1;
        self.history.clear();
        self.remove(at);
    }

    /// Whether a writer other than the process `session` changed the key after `revision`.
    pub(crate) fn changed_by_others(&self, session: u64, revision: u64) -> bool {
        let changes = self.history.iter().rev();
        let since = changes.take_while(|state| state.seen.revision() != revision);
        since.into_iter().any(|state| state.by != Some(session))
    }
}
