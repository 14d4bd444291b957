//! The server's side of the key.

use noleader::lease::Observation;

pub(crate) struct Server {
    /// All states that the key has had, the last one last.
    history: Vec<State>,
    /// The last sequence number of the stream.
    sequence: u64,
    /// How often the stream was lost. What was on its way to the old one never arrives.
    pub(crate) epoch: u64,
    /// Nothing answers until then.
    pub(crate) down_until: u64,
}

pub(crate) struct State {
    pub(crate) seen: Observation,
    /// The process that wrote it; `None` for another client.
    pub(crate) by: Option<u64>,
    pub(crate) at: u64,
}

impl Server {
    pub(crate) fn new(sequence: u64) -> Self {
        let mut server = Self {
            history: Vec::new(),
            sequence,
            epoch: 0,
            down_until: 0,
        };
        server.remove(0);
        server
    }

    pub(crate) fn last(&self) -> &State {
        &self.history[self.history.len() - 1]
    }

    /// The state `back` changes ago.
    pub(crate) fn earlier(&self, back: usize) -> &State {
        let last = self.history.len() - 1;
        &self.history[last.saturating_sub(back)]
    }

    /// Writes, whatever stands there.
    pub(crate) fn put(
        &mut self,
        at: u64,
        gap: u64,
        value: Option<Vec<u8>>,
        by: Option<u64>,
    ) -> u64 {
        self.sequence += gap;
        let revision = self.sequence;
        let seen = Observation::new(revision, value);
        self.history.push(State { seen, by, at });
        revision
    }

    /// The key is gone, and its revision too.
    pub(crate) fn remove(&mut self, at: u64) {
        let seen = Observation::absent();
        self.history.push(State { seen, by: None, at });
    }

    /// The stream is lost, and made anew.
    pub(crate) fn lose_stream(&mut self, at: u64) {
        self.sequence = 0;
        self.epoch += 1;
        self.history.clear();
        self.remove(at);
    }

    /// The last `changes` writes are lost. What is on its way arrives.
    pub(crate) fn roll_back(&mut self, changes: usize) {
        let keep = self.history.len().saturating_sub(changes).max(1);
        self.history.truncate(keep);
        self.epoch += 1;
        let newest = self.history.iter().map(|s| s.seen.revision()).max();
        self.sequence = newest.unwrap_or(0);
    }

    /// Whether a writer other than the process `session` changed the key after `revision`.
    pub(crate) fn changed_by_others(&self, session: u64, revision: u64) -> bool {
        let changes = self.history.iter().rev();
        let since = changes.take_while(|state| state.seen.revision() != revision);
        since.into_iter().any(|state| state.by != Some(session))
    }
}
