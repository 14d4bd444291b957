//! The messages to the server and back.

use noleader::{
    lease::{Observation, Outcome, Record},
    store::StoreError,
};
use tokio::sync::mpsc;

use crate::{
    clock::{MICROSECOND, MILLISECOND},
    host::Runs,
    plan::Plan,
    server::Watching,
    world::{Event, World},
};

/// The longest delay of a message while nothing goes wrong.
pub(crate) const LONGEST_WAY: u64 = 2 * MILLISECOND;

/// The answer to a request to the store.
pub(crate) enum Answer {
    Read(Observation),
    Written(Outcome),
    /// The epoch of the bucket, and the changes.
    Opened(
        u64,
        mpsc::UnboundedReceiver<Result<Observation, StoreError>>,
    ),
    Failed,
}

/// A write on its way to the server.
#[derive(Clone)]
pub(crate) struct Apply {
    pub(crate) node: usize,
    pub(crate) session: u64,
    pub(crate) request: u64,
    pub(crate) epoch: u64,
    pub(crate) expected: u64,
    pub(crate) value: Vec<u8>,
    /// Its outcome was already reported as unknown.
    pub(crate) is_answered: bool,
    /// It arrives twice.
    pub(crate) is_repeated: bool,
}

impl World {
    /// The delay of a message: as on loopback for nine in ten, and up to four leases for the others.
    pub(crate) fn delay(&mut self, node: usize) -> u64 {
        let base = self.settings.base();
        let fast = 50 * MICROSECOND..LONGEST_WAY;
        match self.choices.below(100) {
            _ if self.is_smooth(node) => self.choices.u64(fast),
            0..90 => self.choices.u64(fast),
            90..97 => self.choices.u64(LONGEST_WAY..base / 3),
            97 | 98 => self.choices.u64(base / 3..base),
            _ => self.choices.u64(base..4 * base),
        }
    }

    pub(crate) fn is_cut(&self, node: usize) -> bool {
        !self.is_smooth(node) && self.now < self.nodes[node].cut_until
    }

    pub(crate) fn is_lost(&mut self, node: usize) -> bool {
        self.is_cut(node) || !self.is_smooth(node) && self.choices.below(100) < 4
    }

    fn is_repeated(&mut self, node: usize) -> bool {
        !self.is_smooth(node) && self.choices.below(100) < 3
    }

    /// Sends a request, unless it is lost. While a node is cut off, its client may notice, and fail the request.
    fn send(&mut self, node: usize, request: u64, event: Event) {
        if self.is_lost(node) {
            if self.is_cut(node) && self.choices.bool() {
                self.deliver(request, Answer::Failed);
            }
            return;
        }
        let delay = self.delay(node);
        self.after(delay, event);
    }

    pub(crate) fn send_read(&mut self, node: usize, request: u64) {
        self.send(node, request, Event::Read { node, request });
    }

    pub(crate) fn send_watch(&mut self, node: usize, request: u64) {
        if self.is_settled {
            let what = format!("node {node} opens a watch in place of one that works");
            self.violate("liveness", what);
        }
        if !self.is_smooth(node) && self.choices.one_in(20) {
            self.deliver(request, Answer::Failed);
            return;
        }
        // It is never lost: a client opens a watch, or fails, within a bounded time.
        let delay = self.delay(node);
        self.after(delay, Event::Watch { node, request });
    }

    pub(crate) fn send_write(&mut self, node: usize, request: u64, expected: u64, value: Vec<u8>) {
        let n = &self.nodes[node];
        let send_by = n.process.handled_at + n.settings.timing.request_timeout;
        if n.clock.local(self.now) >= send_by {
            let what = format!("node {node} sends a write after its timeout");
            self.violate("liveness", what);
        }
        let is_repeated = self.is_repeated(node);
        let apply = Box::new(Apply {
            node,
            session: self.nodes[node].process.session,
            request,
            epoch: self.server.epoch,
            expected,
            value,
            is_answered: false,
            is_repeated,
        });
        if is_repeated {
            self.tally.repeated_writes += 1;
            let delay = self.delay(node);
            self.after(delay, Event::Apply(apply.clone()));
        }
        self.send(node, request, Event::Apply(apply));
    }

    /// One read in five may show an earlier state. Some reads fail.
    pub(crate) fn serve_read(&mut self, node: usize, request: u64) {
        if self.is_down() {
            return;
        }
        let is_smooth = self.is_smooth(node);
        let back = match self.choices.below(20) {
            _ if is_smooth => 0,
            0..16 => 0,
            16..19 => self.choices.usize(0..4),
            _ => self.choices.usize(0..40),
        };
        let answer = match !is_smooth && self.choices.one_in(40) {
            true => Answer::Failed,
            false => Answer::Read(self.server.earlier(back).seen.clone()),
        };
        self.reply(node, request, answer);
    }

    pub(crate) fn is_down(&self) -> bool {
        self.now < self.server.down_until
    }

    pub(crate) fn apply(&mut self, write: &Apply) {
        if self.is_down() {
            return;
        }
        if write.epoch != self.server.epoch && self.settings.plan == Plan::LostStream {
            return;
        }
        if write.is_answered {
            self.compare_and_set(write);
            return;
        }
        let outcome = match self.choices.below(100) {
            _ if self.is_smooth(write.node) => self.compare_and_set(write),
            0 => Outcome::Failed,
            1 => {
                self.apply_unanswered(write);
                Outcome::Unknown
            }
            // A refusal although nothing has changed.
            2 => {
                self.tally.false_refusals += 1;
                self.refuse(write)
            }
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
        if self.server.last().seen.revision() != write.expected {
            return self.refuse(write);
        }
        let (node, expected) = (write.node, write.expected);
        let revision = self.put(Some(write.value.clone()), Some(write.session));
        if let Ok(record) = Record::decode(revision, &write.value) {
            self.top_token = self.top_token.max(record.token_at(revision));
        }
        self.say_of_all(|| format!("the store puts {revision} over {expected} for node {node}"));
        Outcome::Acknowledged(revision)
    }

    fn refuse(&mut self, write: &Apply) -> Outcome {
        let is_applied = self.server.last().seen.value() == Some(&write.value[..]);
        if self.lives(write.node, write.session) {
            let process = &mut self.nodes[write.node].process;
            // Of two copies, one may be refused and the other applied.
            process.is_misled |= is_applied || write.is_repeated;
            process.was_misled |= write.is_repeated;
        }
        Outcome::Conflict
    }

    /// Writes unconditionally, and pushes the change to every watch.
    pub(crate) fn put(&mut self, value: Option<Vec<u8>>, by: Option<u64>) -> u64 {
        let gap = self.choices.u64(1..=2);
        let revision = self.server.put(self.now, gap, value, by);
        self.plan_expiry(revision);
        for (watch, node) in self.server.watches() {
            self.push(watch, node);
        }
        revision
    }

    fn push(&mut self, watch: u64, node: usize) {
        let seen = self.server.last().seen.clone();
        if seen.revision() == 0 || self.is_down() {
            return;
        }
        let copies = 1 + usize::from(self.is_repeated(node));
        for _ in 0..copies {
            if !self.is_lost(node) {
                let seen = seen.clone();
                let delay = self.delay(node);
                self.after(delay, Event::Push { node, watch, seen });
            }
        }
    }

    fn reply(&mut self, node: usize, request: u64, answer: Answer) {
        if !self.is_lost(node) {
            let delay = self.delay(node);
            self.after(
                delay,
                Event::Answer {
                    node,
                    request,
                    answer,
                },
            );
        }
    }

    /// Wakes the task that waits for the answer, if it still does.
    pub(crate) fn deliver(&mut self, request: u64, answer: Answer) {
        if let Some(sender) = self.server.take_asked(request) {
            let _ = sender.send(answer);
        }
    }

    pub(crate) fn deliver_push(&mut self, watch: u64, seen: Observation) {
        self.server.push(watch, Ok(seen));
    }

    /// Opens a watch, which begins with the current state of the key. One in ten breaks later.
    pub(crate) fn serve_watch(&mut self, node: usize, request: u64) {
        let (sender, changes) = mpsc::unbounded_channel();
        let watch = self.number();
        self.server.open(watch, Watching::new(node, sender));
        if !self.is_smooth(node) && self.choices.one_in(10) {
            let delay = self.choices.u64(0..10 * self.settings.base());
            self.after(delay, Event::Break { watch });
        }
        self.say(node, || format!("its watch {watch} is open at the server"));
        let epoch = self.server.epoch;
        let delay = self.delay(node);
        self.after(
            delay,
            Event::Answer {
                node,
                request,
                answer: Answer::Opened(epoch, changes),
            },
        );
        self.push(watch, node);
    }
}
