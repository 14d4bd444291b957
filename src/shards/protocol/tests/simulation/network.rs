//! The messages between nodes and store.

use super::{
    super::super::*,
    process::{LEASE, MS, Push, timing},
    world::{Event, World},
};
use crate::lease::Outcome;

impl World {
    /// Most messages take a millisecond. Some take long.
    pub(super) fn delay(&mut self) -> u64 {
        match self.rng.u8(0..100) {
            0..3 if !self.is_calm => self.rng.u64(50 * MS..LEASE * 3 / 2),
            3..12 => self.rng.u64(5 * MS..100 * MS),
            _ => self.rng.u64(200..2 * MS),
        }
    }

    fn is_lost(&mut self) -> bool {
        !self.is_calm && self.rng.u8(0..100) < 3
    }

    pub(super) fn leave(&mut self, process: usize, decided_at: u64, action: Action) {
        let p = &self.processes[process];
        let waited = p.local(self.now).saturating_since(p.local(decided_at));
        if waited > timing().request_timeout {
            if let Action::Write { attempt, .. } = action {
                let outcome = Outcome::Failed;
                self.feed(process, Input::Written { attempt, outcome });
            }
            return;
        }
        if !self.is_lost() {
            let at = self.now + self.delay();
            self.schedule(at, Event::Arrive(process, action));
        }
    }

    pub(super) fn arrive(&mut self, process: usize, action: Action) {
        let answer = match action {
            Action::Read { attempt, key } => {
                let seen = Some(match self.rng.u8(0..8) {
                    0 if !self.is_calm => {
                        let ago = self.rng.u64(0..LEASE * 3);
                        self.store.at(&key, self.now.saturating_sub(ago))
                    }
                    _ => self.store.get(&key),
                });
                Input::Read { attempt, seen }
            }
            Action::Write {
                attempt,
                key,
                expected,
                record,
            } => {
                let before = self.store.get(&key);
                let outcome = self
                    .store
                    .compare_and_set(self.now, &key, expected, record.encode());
                if matches!(outcome, Outcome::Acknowledged(_)) {
                    self.check_applied(process, &key, &before, &record);
                    self.publish(&key);
                }
                Input::Written { attempt, outcome }
            }
            Action::Watch { watch, after } => return self.open_watch(process, watch, after),
            _ => unreachable!("only requests are sent"),
        };
        if !self.is_lost() {
            let at = self.now + self.delay();
            self.schedule(at, Event::Input(process, answer));
        }
    }

    fn open_watch(&mut self, process: usize, watch: u64, after: u64) {
        let Some(kept) = self.processes[process].watches.get_mut(&watch) else {
            return;
        };
        kept.last_at = self.now;
        let last = self.store.last;
        self.push_later(process, watch, Push::Open(last));
        for (key, seen) in self.store.after(after) {
            self.push_later(process, watch, Push::Message(key, seen));
        }
        self.push_later(process, watch, Push::CaughtUp);
    }

    fn push_later(&mut self, process: usize, watch: u64, push: Push) {
        let delay = self.delay() / 4;
        let now = self.now;
        let Some(kept) = self.processes[process].watches.get_mut(&watch) else {
            return;
        };
        // Not yet opened at the server.
        if kept.last_at == u64::MAX {
            return;
        }
        kept.last_at = kept.last_at.max(now + delay);
        kept.queue.push_back(push);
        let at = kept.last_at;
        self.schedule(at, Event::Push(process, watch));
    }

    /// Delivers the last message of the key to every watch.
    pub(super) fn publish(&mut self, key: &Key) {
        let seen = self.store.get(key);
        for process in 0..self.processes.len() {
            let watches: Vec<u64> = self.processes[process].watches.keys().copied().collect();
            for watch in watches {
                self.push_later(process, watch, Push::Message(key.clone(), seen.clone()));
            }
        }
    }

    pub(super) fn push(&mut self, process: usize, watch: u64) {
        let has_gap = self.stalls && !self.is_calm && self.rng.u16(0..600) == 0;
        let now = self.now;
        let Some(kept) = self.processes[process].watches.get_mut(&watch) else {
            return;
        };
        if kept.stalled_until > now {
            let at = kept.stalled_until;
            return self.schedule(at, Event::Push(process, watch));
        }
        let input = match kept.queue.pop_front() {
            None => return,
            Some(Push::Open(last)) => Input::Watching {
                watch,
                epoch: 1,
                last,
            },
            Some(Push::CaughtUp) => Input::CaughtUp {
                watch,
                index: kept.index,
            },
            Some(Push::Message(key, seen)) => {
                if kept.is_lazy && self.store.get(&key).revision() != seen.revision() {
                    return;
                }
                kept.index += 1;
                if has_gap {
                    return;
                }
                Input::Delivered {
                    watch,
                    index: kept.index,
                    key: Some(key),
                    seen,
                }
            }
        };
        self.feed(process, input);
    }
}
