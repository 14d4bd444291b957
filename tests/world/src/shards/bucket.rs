//! The server's side of the bucket: the last message of each key, what was ever written, and the watches.

use std::collections::{BTreeMap, VecDeque};

use noleader::{
    lease::Observation,
    shards::protocol::{Key, Ownership, SessionId, SessionRecord},
    store::{Delivery, StoreError},
};
use tokio::sync::{mpsc, oneshot};

use super::network::Answer;

pub(crate) type Deliveries = mpsc::UnboundedReceiver<Result<Delivery, StoreError>>;

pub(crate) struct Bucket {
    /// The last sequence number of the stream.
    pub(super) sequence: u64,
    /// The identity of the stream. Messages to an earlier stream arrive at the present one.
    pub(super) epoch: u64,
    keys: BTreeMap<String, Observation>,
    /// All states of all keys, in order, and when they began.
    history: Vec<(u64, String, Observation)>,
    /// The server does not answer until then.
    pub(super) down_until: u64,
    /// The requests that wait for an answer.
    asked: BTreeMap<u64, oneshot::Sender<Answer>>,
    pub(super) watches: BTreeMap<u64, Watching>,
}

/// A watch, as the server keeps it.
pub(crate) struct Watching {
    pub(super) node: usize,
    sender: mpsc::UnboundedSender<Result<Delivery, StoreError>>,
    /// The number of messages that were sent.
    index: u64,
    /// What is on its way, in order.
    pub(super) queue: VecDeque<Sent>,
    /// No message arrives before the former ones.
    pub(super) last_at: u64,
    /// Nothing arrives until then.
    pub(super) stalled_until: u64,
    /// It leaves out a message that was replaced before it was delivered.
    is_lazy: bool,
    /// Its bucket is gone.
    pub(super) is_deaf: bool,
}

pub(crate) enum Sent {
    Message(String, Observation),
    CaughtUp,
}

impl Bucket {
    pub(super) fn new(sequence: u64) -> Self {
        Self {
            sequence,
            epoch: 1,
            keys: BTreeMap::new(),
            history: Vec::new(),
            down_until: 0,
            asked: BTreeMap::new(),
            watches: BTreeMap::new(),
        }
    }

    pub(super) fn ask(&mut self, request: u64, answer: oneshot::Sender<Answer>) {
        self.asked.insert(request, answer);
    }

    pub(super) fn take_asked(&mut self, request: u64) -> Option<oneshot::Sender<Answer>> {
        self.asked.remove(&request)
    }

    pub(super) fn get(&self, key: &str) -> Observation {
        let seen = self.keys.get(key).cloned();
        seen.unwrap_or_else(Observation::absent)
    }

    /// The state of the key at an earlier time.
    pub(super) fn at(&self, key: &str, time: u64) -> Observation {
        let earlier = self.history.iter().rev();
        let mut earlier = earlier.filter(|(at, of, _)| *at <= time && of == key);
        let seen = earlier.next().map(|(_, _, seen)| seen.clone());
        seen.unwrap_or_else(Observation::absent)
    }

    /// Writes a message, or the marker of a deletion.
    pub(super) fn put(&mut self, at: u64, gap: u64, key: &str, value: Option<Vec<u8>>) -> u64 {
        self.sequence += gap;
        let seen = Observation::new(self.sequence, value);
        self.keys.insert(key.to_owned(), seen.clone());
        self.history.push((at, key.to_owned(), seen));
        self.sequence
    }

    /// The message of a key vanishes without a trace.
    pub(super) fn remove(&mut self, at: u64, key: &str) {
        if self.keys.remove(key).is_some() {
            let absent = Observation::absent();
            self.history.push((at, key.to_owned(), absent));
        }
    }

    /// The bucket is deleted and created again. Its sequence numbers start after `sequence`.
    pub(super) fn recreate(&mut self, sequence: u64) {
        self.keys.clear();
        self.history.clear();
        self.sequence = sequence;
        self.epoch += 1;
    }

    /// The last `changes` writes are lost.
    pub(super) fn roll_back(&mut self, changes: usize) {
        let keep = self.history.len().saturating_sub(changes);
        self.history.truncate(keep);
        self.keys.clear();
        for (_, key, seen) in &self.history {
            match seen.revision() {
                0 => self.keys.remove(key),
                _ => self.keys.insert(key.clone(), seen.clone()),
            };
        }
        let newest = self.history.iter().map(|(_, _, seen)| seen.revision());
        self.sequence = newest.max().unwrap_or(0);
    }

    /// The messages after a sequence, in order.
    pub(super) fn after(&self, sequence: u64) -> Vec<(String, Observation)> {
        let later = self.keys.iter().filter(|(_, o)| o.revision() > sequence);
        let mut later: Vec<_> = later.map(|(k, o)| (k.clone(), o.clone())).collect();
        later.sort_by_key(|(_, o)| o.revision());
        later
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &String> {
        self.keys.keys()
    }

    pub(super) fn session(&self, key: &Key) -> Option<SessionId> {
        SessionRecord::decode(self.get(&key.to_string()).value()?)
            .ok()?
            .session()
    }

    pub(super) fn owner(&self, shard: u32) -> Option<Ownership> {
        let seen = self.get(&Key::Shard(shard).to_string());
        Ownership::decode(seen.revision(), seen.value()?).ok()
    }
}

impl Watching {
    pub(super) fn new(node: usize, is_lazy: bool, now: u64) -> (Self, Deliveries) {
        let (sender, deliveries) = mpsc::unbounded_channel();
        let watching = Self {
            node,
            sender,
            index: 0,
            queue: VecDeque::new(),
            last_at: now,
            stalled_until: 0,
            is_lazy,
            is_deaf: false,
        };
        (watching, deliveries)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Sends the next message. If `is_lost`, it does not arrive, and leaves a gap.
    pub(super) fn send_next(&mut self, keys: &BTreeMap<String, Observation>, is_lost: bool) {
        let delivery = match self.queue.pop_front() {
            None => return,
            Some(Sent::CaughtUp) => Delivery::CaughtUp { index: self.index },
            Some(Sent::Message(key, seen)) => {
                let is_current = keys.get(&key).is_some_and(|last| *last == seen);
                if self.is_lazy && !is_current {
                    return;
                }
                self.index += 1;
                if is_lost {
                    return;
                }
                let index = self.index;
                Delivery::Record { index, key, seen }
            }
        };
        // The process may be dead.
        let _ = self.sender.send(Ok(delivery));
    }

    pub(super) fn fail(&self) {
        let _ = self.sender.send(Err(StoreError::Disconnected));
    }
}

impl Bucket {
    /// Delivers the next message of a watch.
    pub(super) fn deliver(&mut self, watch: u64, is_lost: bool) {
        if let Some(watch) = self.watches.get_mut(&watch) {
            watch.send_next(&self.keys, is_lost);
        }
    }

    /// A watch of a bucket that is gone delivers nothing any more.
    pub(super) fn end_deliveries(&mut self, watch: u64) {
        if let Some(watch) = self.watches.get_mut(&watch) {
            watch.queue.clear();
            watch.is_deaf = true;
        }
    }

    /// The stream of a watch ends with an error.
    pub(super) fn break_watch(&mut self, watch: u64) {
        if let Some(watch) = self.watches.remove(&watch) {
            watch.fail();
        }
    }
}
