//! The server's side of the key.

use std::collections::BTreeMap;

use noleader::{lease::Observation, store::StoreError};
use tokio::sync::{mpsc, oneshot};

use crate::network::Answer;

pub(crate) struct Server {
    /// All states of the key, in order.
    history: Vec<State>,
    /// The last sequence number of the stream.
    sequence: u64,
    /// How often the stream was lost. Messages to an earlier stream never arrive.
    pub(crate) epoch: u64,
    /// The server does not answer until then.
    pub(crate) down_until: u64,
    /// The requests that wait for an answer.
    asked: BTreeMap<u64, oneshot::Sender<Answer>>,
    watches: BTreeMap<u64, Watching>,
}

/// A watch of a node.
pub(crate) struct Watching {
    node: usize,
    sender: mpsc::UnboundedSender<Result<Observation, StoreError>>,
    /// The node receives nothing until it opens another watch.
    is_deaf: bool,
}

impl Watching {
    pub(crate) fn new(
        node: usize,
        sender: mpsc::UnboundedSender<Result<Observation, StoreError>>,
    ) -> Self {
        Self {
            node,
            sender,
            is_deaf: false,
        }
    }
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
            asked: BTreeMap::new(),
            watches: BTreeMap::new(),
        };
        server.remove(0);
        server
    }

    pub(crate) fn asked(&mut self, request: u64, answer: oneshot::Sender<Answer>) {
        self.asked.insert(request, answer);
    }

    pub(crate) fn take_asked(&mut self, request: u64) -> Option<oneshot::Sender<Answer>> {
        self.asked.remove(&request)
    }

    pub(crate) fn open(&mut self, watch: u64, watching: Watching) {
        self.watches.insert(watch, watching);
    }

    /// The watches that the server pushes to, and the node of each.
    pub(crate) fn watches(&mut self) -> Vec<(u64, usize)> {
        self.watches.retain(|_, watch| !watch.sender.is_closed());
        let heard = self.watches.iter().filter(|(_, watch)| !watch.is_deaf);
        heard
            .map(|(watch, watching)| (*watch, watching.node))
            .collect()
    }

    pub(crate) fn push(&mut self, watch: u64, change: Result<Observation, StoreError>) {
        if let Some(watch) = self.watches.get(&watch) {
            // The process may be dead.
            let _ = watch.sender.send(change);
        }
    }

    /// The stream ends with an error.
    pub(crate) fn break_watch(&mut self, watch: u64) {
        self.push(watch, Err(StoreError::Disconnected));
        self.watches.remove(&watch);
    }

    /// The watches of these nodes receive nothing from now on.
    pub(crate) fn deafen(&mut self, is_meant: impl Fn(usize) -> bool) {
        for watch in self.watches.values_mut() {
            watch.is_deaf |= is_meant(watch.node);
        }
    }

    /// Breaks every watch that receives nothing.
    pub(crate) fn break_deaf(&mut self) {
        let deaf = self.watches.iter().filter(|(_, watch)| watch.is_deaf);
        let deaf: Vec<_> = deaf.map(|(watch, _)| *watch).collect();
        for watch in deaf {
            self.break_watch(watch);
        }
    }

    pub(crate) fn last(&self) -> &State {
        &self.history[self.history.len() - 1]
    }

    /// The state `back` changes ago.
    pub(crate) fn earlier(&self, back: usize) -> &State {
        let last = self.history.len() - 1;
        &self.history[last.saturating_sub(back)]
    }

    /// Writes unconditionally.
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

    /// The key vanishes, and its revision with it.
    pub(crate) fn remove(&mut self, at: u64) {
        let seen = Observation::absent();
        self.history.push(State { seen, by: None, at });
    }

    /// The stream is lost and recreated. Its sequence numbers start after `sequence`.
    pub(crate) fn lose_stream(&mut self, at: u64, sequence: u64) {
        self.sequence = sequence;
        self.epoch += 1;
        self.history.clear();
        self.remove(at);
    }

    /// The last `changes` writes are lost. Messages in flight still arrive.
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
