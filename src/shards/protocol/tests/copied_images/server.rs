//! The server, its watches, and the messages to and from it.

use super::{super::super::*, LEASE_MS, sim::Sim};
use crate::lease::{Observation, Outcome};

pub(super) enum Message {
    /// A request arrives at the server.
    Request(usize, Action),
    /// An answer, a delivery or an event of the process itself.
    Input(usize, Input),
}

#[derive(Clone)]
pub(super) struct Subscription {
    pub(super) of: usize,
    pub(super) watch: u64,
    pub(super) index: u64,
    /// When its last message arrives.
    pub(super) arrives_at: u64,
}

impl Sim {
    /// Most messages take some milliseconds. Some take long, and some are lost.
    pub(super) fn post(&mut self, message: Message) {
        let delay = match self.rng.u8(0..100) {
            0..3 => return,
            3..10 => self.rng.u64(10..LEASE_MS / 2),
            _ => self.rng.u64(1..10),
        };
        self.mail_at(self.now + delay, message);
    }

    pub(super) fn mail_at(&mut self, at: u64, message: Message) {
        self.sent += 1;
        self.mail.insert((at, self.sent), message);
    }

    pub(super) fn deliver(&mut self, message: Message) -> Result<(), String> {
        let (of, action) = match message {
            Message::Input(of, input) if self.now >= self.processes[of].resumes_at => {
                return self.feed(of, input);
            }
            // The copy does not run yet.
            Message::Input(..) => return Ok(()),
            Message::Request(of, action) => (of, action),
        };
        let input = match action {
            Action::Watch { watch, after } => {
                self.subscribe(of, watch, after);
                return Ok(());
            }
            Action::Read { attempt, key } => {
                let seen = self.keys.get(&key).cloned();
                let seen = Some(seen.unwrap_or(Observation::absent()));
                Input::Read { attempt, seen }
            }
            Action::Write {
                attempt,
                key,
                expected,
                record,
            } => {
                let outcome = self.compare_and_set(&key, expected, &record);
                if outcome != Outcome::Conflict {
                    self.note_free(of, &record, &key);
                }
                Input::Written { attempt, outcome }
            }
            _ => unreachable!("only requests are sent"),
        };
        self.post(Message::Input(of, input));
        Ok(())
    }

    fn compare_and_set(&mut self, key: &Key, expected: u64, record: &Record) -> Outcome {
        if self.keys.get(key).map_or(0, Observation::revision) != expected {
            return Outcome::Conflict;
        }
        self.last += 1;
        let seen = Observation::new(self.last, Some(record.encode()));
        self.keys.insert(key.clone(), seen.clone());
        for subscription in 0..self.subscriptions.len() {
            self.push(subscription, key.clone(), seen.clone());
        }
        match self.rng.u8(0..30) {
            0 => Outcome::Unknown,
            _ => Outcome::Acknowledged(self.last),
        }
    }

    /// Opens a watch, which begins with what was written after `after`.
    fn subscribe(&mut self, of: usize, watch: u64, after: u64) {
        let subscription = self.subscriptions.len();
        self.subscriptions.push(Subscription {
            of,
            watch,
            index: 0,
            arrives_at: self.now,
        });
        let (epoch, last) = (1, self.last);
        self.post_in_order(subscription, Input::Watching { watch, epoch, last });
        let keys = self.keys.clone();
        let mut keys: Vec<_> = keys
            .into_iter()
            .filter(|(_, seen)| seen.revision() > after)
            .collect();
        keys.sort_by_key(|(_, seen)| seen.revision());
        for (key, seen) in keys {
            self.push(subscription, key, seen);
        }
        let index = self.subscriptions[subscription].index;
        self.post_in_order(subscription, Input::CaughtUp { watch, index });
    }

    fn push(&mut self, subscription: usize, key: Key, seen: Observation) {
        let state = &mut self.subscriptions[subscription];
        state.index += 1;
        let delivered = Input::Delivered {
            watch: state.watch,
            index: state.index,
            key: Some(key),
            seen,
        };
        self.post_in_order(subscription, delivered);
    }

    /// A watch delivers in order. Some of its messages are lost.
    fn post_in_order(&mut self, subscription: usize, input: Input) {
        let delay = match self.rng.u8(0..200) {
            0 => return,
            1..20 => self.rng.u64(10..LEASE_MS / 4),
            _ => self.rng.u64(1..10),
        };
        let state = &mut self.subscriptions[subscription];
        state.arrives_at = state.arrives_at.max(self.now + delay);
        let (of, at) = (state.of, state.arrives_at);
        self.mail_at(at, Message::Input(of, input));
    }
}
