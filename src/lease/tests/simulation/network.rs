//! The key's server, and the messages on their way to it and back.

use super::{
    super::super::*,
    world::{Event, World},
};

/// The server's side of the key.
pub(super) struct Server {
    /// All states that the key has had, the last one last.
    pub(super) history: Vec<Observation>,
    /// The last sequence number of the stream.
    pub(super) sequence: u64,
    /// How often the stream was lost. What was on its way to the old one never arrives.
    pub(super) epoch: u64,
}

impl Server {
    pub(super) fn new() -> Self {
        let mut server = Self {
            history: Vec::new(),
            sequence: 1_000_000,
            epoch: 0,
        };
        server.remove();
        server
    }

    /// The key is gone, and its revision too.
    pub(super) fn remove(&mut self) {
        self.history.push(Observation {
            revision: 0,
            value: None,
        });
    }

    /// The stream is lost, and made anew.
    pub(super) fn lose_data(&mut self) {
        self.sequence = 0;
        self.epoch += 1;
        self.history.clear();
        self.remove();
    }
}

impl World {
    /// Mostly a loopback, at times a very slow network.
    pub(super) fn delay(&mut self) -> u64 {
        match self.rng.u8(0..100) {
            0..90 => self.rng.u64(50..2_000),
            _ if self.is_reliable() => self.rng.u64(50..5_000),
            90..98 => self.rng.u64(2_000..150_000),
            _ => self.rng.u64(150_000..2_000_000),
        }
    }

    fn is_lost(&mut self, node: usize) -> bool {
        let is_cut = self.now < self.nodes[node].cut_until;
        !self.is_reliable() && (is_cut || self.rng.u8(0..100) < 4)
    }

    /// One read in five shows one of the last states instead of the last.
    pub(super) fn read(&mut self, node: usize, attempt: u64) {
        let back = self.rng.usize(0..4) * usize::from(self.rng.u8(0..5) == 0);
        let last = self.server.history.len() - 1;
        let seen = Some(self.server.history[last.saturating_sub(back)].clone());
        self.reply(node, Input::Read { attempt, seen });
    }

    pub(super) fn send(&mut self, node: usize, attempt: u64, expected: u64, record: Record) {
        if self.is_lost(node) {
            return;
        }
        let delay = self.delay();
        let write = Event::Apply {
            node,
            session: self.nodes[node].session,
            epoch: self.server.epoch,
            attempt,
            expected,
            record,
        };
        self.after(delay, write);
    }

    pub(super) fn compare_and_set(&mut self, expected: u64, record: &Record) -> Outcome {
        if self.server.history.last().unwrap().revision == expected {
            Outcome::Acknowledged(self.put(Some(record.encode())))
        } else {
            Outcome::Conflict
        }
    }

    /// Writes, whatever stands there, and pushes it to all.
    pub(super) fn put(&mut self, value: Option<Vec<u8>>) -> u64 {
        self.server.sequence += self.rng.u64(1..=2);
        let revision = self.server.sequence;
        let seen = Observation { revision, value };
        self.server.history.push(seen.clone());
        for node in 0..self.nodes.len() {
            self.reply(node, Input::Pushed(seen.clone()));
        }
        revision
    }

    pub(super) fn reply(&mut self, node: usize, input: Input) {
        if !self.is_lost(node) {
            let delay = self.delay();
            self.receive_after(delay, node, input);
        }
    }
}
