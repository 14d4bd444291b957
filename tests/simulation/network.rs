//! The messages to the server and back.

use noleader::lease::{Input, Observation, Outcome, Record};

use crate::{
    clock::{MICROSECOND, MILLISECOND},
    fact::Fact,
    plan::Plan,
    world::{Apply, Event, World},
};

/// The longest way of a message while nothing goes wrong.
pub(crate) const LONGEST_WAY: u64 = 2 * MILLISECOND;

impl World {
    /// Mostly a loopback, at times a very slow network.
    fn delay(&mut self, node: usize) -> u64 {
        let base = self.settings.base();
        match self.rng.u8(0..100) {
            0..90 => self.rng.u64(50 * MICROSECOND..LONGEST_WAY),
            _ if self.is_smooth(node) => self.rng.u64(50 * MICROSECOND..LONGEST_WAY),
            90..97 => self.rng.u64(LONGEST_WAY..base / 3),
            97 | 98 => self.rng.u64(base / 3..base),
            _ => self.rng.u64(base..4 * base),
        }
    }

    /// What a request writes elsewhere may arrive very late.
    pub(crate) fn storage_delay(&mut self, node: usize) -> u64 {
        self.delay(node)
    }

    fn is_lost(&mut self, node: usize) -> bool {
        let is_cut = self.now < self.nodes[node].cut_until;
        !self.is_smooth(node) && (is_cut || self.rng.u8(0..100) < 4)
    }

    fn is_repeated(&mut self, node: usize) -> bool {
        !self.is_smooth(node) && self.rng.u8(0..100) < 3
    }

    pub(crate) fn send_read(&mut self, node: usize, attempt: u64) {
        self.nodes[node].process.ask(attempt);
        if !self.is_lost(node) {
            let session = self.nodes[node].process.session;
            let delay = self.delay(node);
            self.after(
                delay,
                Event::Read {
                    node,
                    session,
                    attempt,
                },
            );
        }
    }

    pub(crate) fn send_write(&mut self, node: usize, attempt: u64, expected: u64, record: Record) {
        let n = &mut self.nodes[node];
        n.process.is_refused = false;
        n.process.ask(attempt);
        let sent = Fact::Sent {
            attempt,
            expected,
            record: &record,
            sent_at: n.process.handled_at,
        };
        self.fact(node, &sent);
        let n = &self.nodes[node];
        let over = n.settings.timing.valid_until(n.process.handled_at);
        let is_late = record.holder.is_some() && n.clock.local(self.now) >= over;
        self.tally.late_sends += u64::from(is_late);
        if self.is_lost(node) {
            return;
        }
        let apply = Box::new(Apply {
            node,
            session: self.nodes[node].process.session,
            epoch: self.server.epoch,
            attempt,
            expected,
            record,
            is_answered: false,
        });
        let delay = self.delay(node);
        self.after(delay, Event::Apply(apply));
    }

    /// One read in five shows one of the last states instead of the last; some fail.
    pub(crate) fn serve_read(&mut self, node: usize, attempt: u64) {
        if self.is_down() {
            return;
        }
        let back = match self.is_smooth(node) {
            true => 0,
            false if self.rng.u8(0..5) > 0 => 0,
            false if self.rng.u8(0..4) > 0 => self.rng.usize(0..4),
            false => self.rng.usize(0..40),
        };
        let fails = !self.is_smooth(node) && self.rng.u8(0..40) == 0;
        let seen = (!fails).then(|| self.server.earlier(back).seen.clone());
        self.reply(node, Input::Read { attempt, seen });
    }

    pub(crate) fn is_down(&self) -> bool {
        self.now < self.server.down_until
    }

    pub(crate) fn apply(&mut self, write: &Apply) {
        if self.is_down() {
            return;
        }
        if write.epoch != self.server.epoch && self.settings.plan != Plan::RolledBack {
            return;
        }
        if write.is_answered {
            self.compare_and_set(write);
            return;
        }
        let outcome = match self.rng.u8(0..100) {
            0 if !self.is_smooth(write.node) => Outcome::Failed,
            1 if !self.is_smooth(write.node) => {
                self.apply_unanswered(write);
                Outcome::Unknown
            }
            _ => self.compare_and_set(write),
        };
        if self.nodes[write.node].process.session == write.session {
            let attempt = write.attempt;
            self.reply(write.node, Input::Written { attempt, outcome });
        }
    }

    /// Now, or some time after the answer that does not tell.
    fn apply_unanswered(&mut self, write: &Apply) {
        if self.rng.bool() {
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
            return Outcome::Conflict;
        }
        let (node, expected) = (write.node, write.expected);
        let revision = self.put(Some(write.record.encode()), Some(write.session));
        self.top_token = self.top_token.max(write.record.token_at(revision));
        self.say_of_all(|| format!("the store puts {revision} over {expected} for node {node}"));
        Outcome::Acknowledged(revision)
    }

    /// Writes, whatever stands there, and pushes it to all.
    pub(crate) fn put(&mut self, value: Option<Vec<u8>>, by: Option<u64>) -> u64 {
        let gap = self.rng.u64(1..=2);
        let revision = self.server.put(self.now, gap, value, by);
        self.plan_expiry(revision);
        for node in 0..self.nodes.len() {
            let process = &self.nodes[node].process;
            if process.session != 0 && !process.watch.is_deaf {
                self.push(node);
            }
        }
        revision
    }

    fn push(&mut self, node: usize) {
        let seen = self.server.last().seen.clone();
        if seen.revision() == 0 || self.is_down() {
            return;
        }
        let copies = 1 + usize::from(self.is_repeated(node));
        for _ in 0..copies {
            if !self.is_lost(node) {
                let process = &self.nodes[node].process;
                let push = Event::Push {
                    node,
                    session: process.session,
                    opened: process.watch.opened,
                    seen: seen.clone(),
                };
                let delay = self.delay(node);
                self.after(delay, push);
            }
        }
    }

    fn reply(&mut self, node: usize, input: Input) {
        let copies = 1 + usize::from(self.is_repeated(node));
        for _ in 0..copies {
            if !self.is_lost(node) {
                let session = self.nodes[node].process.session;
                let delay = self.delay(node);
                let input = input.clone();
                self.after(
                    delay,
                    Event::Receive {
                        node,
                        session,
                        input,
                    },
                );
            }
        }
    }

    pub(crate) fn receive_push(&mut self, node: usize, opened: u64, seen: Observation) {
        let watch = &mut self.nodes[node].process.watch;
        if watch.opened == opened {
            watch.pushed(seen.revision());
            self.receive(node, Input::Pushed(seen));
        }
    }

    /// What reads and acknowledgements show, a watch that works shows as well.
    pub(crate) fn compare_watch(&mut self, node: usize, answer: &Input) {
        let revision = match answer {
            Input::Read {
                seen: Some(seen), ..
            } => seen.revision(),
            Input::Written {
                outcome: Outcome::Acknowledged(revision),
                ..
            } => *revision,
            Input::Read { .. } | Input::Written { .. } => 0,
            _ => return,
        };
        if self.nodes[node].process.watch.compare(revision) {
            self.watch(node);
        }
    }

    /// Opens the watch, again if need be.
    pub(crate) fn watch(&mut self, node: usize) {
        let process = &mut self.nodes[node].process;
        process.watch.reopen();
        let session = process.session;
        let delay = self.delay(node);
        self.after(delay, Event::Watch { node, session });
    }

    /// A watch begins with what the key holds.
    pub(crate) fn serve_watch(&mut self, node: usize) {
        self.push(node);
    }
}
