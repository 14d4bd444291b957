//! The messages between the nodes and the server.

use noleader::{
    lease::{Observation, Outcome},
    shards::protocol::{Key, Ownership, SessionRecord},
};

use super::{
    bucket::{Deliveries, Sent, Watching},
    fact::Fact,
    world::{Event, World},
};
use crate::{
    clock::{MICROSECOND, MILLISECOND},
    host::Runs,
};

/// The longest delay of a message while nothing goes wrong.
const LONGEST_WAY: u64 = 2 * MILLISECOND;

/// The answer to a request to the store.
pub(crate) enum Answer {
    Read(Observation),
    Written(Outcome),
    /// The epoch of the bucket, its last sequence, and what the watch delivers.
    Opened(u64, u64, Deliveries),
    Failed,
}

/// A write on its way to the server.
#[derive(Clone)]
pub(crate) struct Apply {
    pub(super) node: usize,
    pub(super) session: u64,
    pub(super) request: u64,
    pub(super) key: String,
    pub(super) expected: u64,
    pub(super) value: Vec<u8>,
    /// Its outcome was already reported as unknown.
    pub(super) is_answered: bool,
    /// It arrives twice.
    pub(super) is_repeated: bool,
}

impl World {
    /// The delay of a message: as on loopback for nine in ten, and up to four leases for the others.
    pub(super) fn delay(&mut self, _node: usize) -> u64 {
        let lease = self.settings.lease();
        let fast = 50 * MICROSECOND..LONGEST_WAY;
        match self.choices.below(100) {
            _ if self.is_calm => self.choices.u64(fast),
            0..92 => self.choices.u64(fast),
            92..97 => self.choices.u64(LONGEST_WAY..lease / 5),
            97 | 98 => self.choices.u64(lease / 5..lease),
            _ => self.choices.u64(lease..3 * lease),
        }
    }

    pub(super) fn is_cut(&self, node: usize) -> bool {
        !self.is_calm && self.now < self.nodes[node].cut_until
    }

    pub(super) fn is_down(&self) -> bool {
        !self.is_calm && self.now < self.bucket.down_until
    }

    fn is_lost(&mut self, node: usize) -> bool {
        self.is_cut(node) || !self.is_calm && self.choices.below(100) < 3
    }

    /// Sends a request, unless it is lost. While a node is cut off, its client may notice, and fail the request.
    fn send(&mut self, node: usize, request: u64, event: Event) {
        if self.is_lost(node) {
            if self.is_cut(node) && self.choices.bool() {
                self.answer(request, Answer::Failed);
            }
            return;
        }
        let delay = self.delay(node);
        self.after(delay, event);
    }

    pub(super) fn send_read(&mut self, node: usize, request: u64, key: String) {
        self.send(node, request, Event::Read { node, request, key });
    }

    pub(super) fn send_watch(&mut self, node: usize, request: u64, after: u64) {
        let event = Event::Watch {
            node,
            request,
            after,
        };
        self.send(node, request, event);
    }

    pub(super) fn send_write(&mut self, mut apply: Apply) {
        let (node, request) = (apply.node, apply.request);
        apply.is_repeated = !self.is_calm && self.choices.below(100) < 2;
        if apply.is_repeated {
            let delay = self.delay(node);
            self.after(delay, Event::Apply(Box::new(apply.clone())));
        }
        self.send(node, request, Event::Apply(Box::new(apply)));
    }

    /// One read in six may show an earlier state. Some reads fail.
    pub(super) fn serve_read(&mut self, node: usize, request: u64, key: &str) {
        if self.is_down() {
            return;
        }
        let lease = self.settings.lease();
        let ago = match self.choices.below(6) {
            _ if self.is_calm => 0,
            0 => self.choices.u64(0..3 * lease),
            _ => 0,
        };
        let answer = match !self.is_calm && self.choices.one_in(40) {
            true => Answer::Failed,
            false if ago > 0 => Answer::Read(self.bucket.at(key, self.now.saturating_sub(ago))),
            false => Answer::Read(self.bucket.get(key)),
        };
        self.reply(node, request, answer);
    }

    pub(super) fn apply(&mut self, write: &Apply) {
        if self.is_down() {
            return;
        }
        if write.is_answered {
            self.compare_and_set(write);
            return;
        }
        let outcome = match self.choices.below(100) {
            _ if self.is_calm => self.compare_and_set(write),
            0 => Outcome::Failed,
            1 => {
                self.apply_unanswered(write);
                Outcome::Unknown
            }
            // A refusal although nothing has changed.
            2 => self.refuse(write),
            _ => self.compare_and_set(write),
        };
        self.reply(write.node, write.request, Answer::Written(outcome));
    }

    /// Applies the write now, or some time after the answer that leaves its outcome open.
    fn apply_unanswered(&mut self, write: &Apply) {
        if self.choices.bool() {
            self.compare_and_set(write);
            return;
        }
        self.tally.late_applications += 1;
        let delay = self.delay(write.node) + self.delay(write.node);
        let later = Apply {
            is_answered: true,
            ..write.clone()
        };
        self.after(delay, Event::Apply(Box::new(later)));
    }

    fn compare_and_set(&mut self, write: &Apply) -> Outcome {
        let before = self.bucket.get(&write.key);
        if before.revision() != write.expected {
            return self.refuse(write);
        }
        let revision = self.put(&write.key, Some(write.value.clone()));
        let applied = Fact::Applied {
            by: write.session,
            key: &write.key,
            before: &before,
            value: &write.value,
            revision,
        };
        self.fact(write.node, &applied);
        self.count(&write.key, &before, revision);
        Outcome::Acknowledged(revision)
    }

    fn count(&mut self, key: &str, before: &Observation, revision: u64) {
        let value = self.bucket.get(key).value().map(<[u8]>::to_vec);
        let value = value.unwrap_or_default();
        match Key::parse(key) {
            Some(Key::Session(_)) => {
                let is_dead = matches!(
                    SessionRecord::decode(&value),
                    Ok(SessionRecord::Dead { .. })
                );
                self.tally.fences += u64::from(is_dead);
            }
            Some(Key::Shard(_)) => {
                let former = before
                    .value()
                    .and_then(|v| Ownership::decode(before.revision(), v).ok());
                match (former, Ownership::decode(revision, &value)) {
                    (Some(Ownership::Held(former)), Ok(Ownership::Held(held))) => {
                        self.tally.takeovers += u64::from(former.node != held.node);
                    }
                    (_, Ok(Ownership::Free { .. })) => self.tally.moves += 1,
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn refuse(&mut self, write: &Apply) -> Outcome {
        let is_applied = self.bucket.get(&write.key).value() == Some(&write.value[..]);
        if self.lives(write.node, write.session) {
            // Of two copies, one may be refused and the other applied.
            self.nodes[write.node].process.is_misled |= is_applied || write.is_repeated;
        }
        Outcome::Conflict
    }

    /// Writes unconditionally, and sends the change to every watch.
    pub(super) fn put(&mut self, key: &str, value: Option<Vec<u8>>) -> u64 {
        let gap = self.choices.u64(1..=2);
        let revision = self.bucket.put(self.now, gap, key, value);
        let seen = self.bucket.get(key);
        self.say_of_all(|| format!("{key} is now {}", super::show::observation(key, &seen)));
        self.bucket.watches.retain(|_, watch| !watch.is_closed());
        let watches: Vec<u64> = self.bucket.watches.keys().copied().collect();
        for watch in watches {
            self.push(watch, Sent::Message(key.to_owned(), seen.clone()));
        }
        revision
    }

    /// Sends a message of a watch, after those before it.
    fn push(&mut self, watch: u64, sent: Sent) {
        let Some(node) = self.bucket.watches.get(&watch).map(|watch| watch.node) else {
            return;
        };
        let arrives_at = self.now + self.delay(node) / 2;
        if let Some(watching) = self.bucket.watches.get_mut(&watch)
            && !watching.is_deaf
        {
            watching.last_at = watching.last_at.max(arrives_at);
            watching.queue.push_back(sent);
            self.queue.push(watching.last_at, Event::Push { watch });
        }
    }

    /// The next message of a watch arrives. While its node is cut off, or the server is down, nothing arrives. Once in a
    /// while a message is lost.
    pub(super) fn serve_push(&mut self, watch: u64) {
        let Some(watching) = self.bucket.watches.get(&watch) else {
            return;
        };
        let (node, stalled_until) = (watching.node, watching.stalled_until);
        let cut_until = self.nodes[node].cut_until.max(self.bucket.down_until);
        let from = match self.is_calm {
            true => self.now,
            false => cut_until.max(stalled_until),
        };
        if from > self.now {
            self.queue.push(from, Event::Push { watch });
            return;
        }
        let is_lost = !self.is_calm && self.choices.one_in(400);
        self.bucket.deliver(watch, is_lost);
    }

    pub(super) fn reply(&mut self, node: usize, request: u64, answer: Answer) {
        if !self.is_lost(node) {
            let delay = self.delay(node);
            self.after(delay, Event::Answer { request, answer });
        }
    }

    /// Wakes the task that waits for the answer, if it still does.
    pub(super) fn answer(&mut self, request: u64, answer: Answer) {
        if let Some(sender) = self.bucket.take_asked(request) {
            let _ = sender.send(answer);
        }
    }

    /// Opens a watch, which begins with the current records after a sequence. One in ten breaks later.
    pub(super) fn serve_watch(&mut self, node: usize, request: u64, after: u64) {
        if self.is_down() {
            return;
        }
        let watch = self.number();
        let (watching, deliveries) = Watching::new(node, self.choices.bool(), self.now);
        self.bucket.watches.insert(watch, watching);
        if !self.is_calm && self.choices.one_in(10) {
            let delay = self.choices.u64(0..6 * self.settings.lease());
            self.after(delay, Event::Break { watch });
        }
        let (epoch, last) = (self.bucket.epoch, self.bucket.sequence);
        for (key, seen) in self.bucket.after(after) {
            self.push(watch, Sent::Message(key, seen));
        }
        self.push(watch, Sent::CaughtUp);
        self.reply(node, request, Answer::Opened(epoch, last, deliveries));
    }
}
