//! The events of a run, and what must hold after each of them.

use std::collections::BTreeMap;

use super::{
    super::{super::*, harness::*},
    END, GUARD_MS, LEASE_MS, NODES, SHARDS, Tally,
    process::{Process, timing},
    server::{Message, Subscription},
};
use crate::lease::{Observation, Readings, WriteId};

pub(super) struct Sim {
    seed: u64,
    pub(super) rng: fastrand::Rng,
    pub(super) now: u64,
    pub(super) processes: Vec<Process>,
    /// By the time of their arrival, and a number.
    pub(super) mail: BTreeMap<(u64, u64), Message>,
    pub(super) sent: u64,
    pub(super) keys: BTreeMap<Key, Observation>,
    pub(super) last: u64,
    pub(super) subscriptions: Vec<Subscription>,
    /// When the placement wants something else.
    wants_at: u64,
    /// The highest token of each shard.
    tokens: BTreeMap<u32, u64>,
    /// When the image is made.
    copy_at: u64,
    is_copied: bool,
    /// Until when the image lets two gates be open.
    bound: u64,
    has_found: bool,
    /// Until when a shard may have two gates, because one of the two processes freed it and the other has not seen that.
    freed: BTreeMap<u32, u64>,
    terms: u64,
}

impl Sim {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let node = Node {
            timing: timing(),
            shards: SHARDS,
            warm_up: rng.bool(),
            ..node()
        };
        let config = Observation::new(1, Some(node.config().encode()));
        let processes = (0..NODES).map(|name| {
            let id = id(&format!("node {name}"));
            Process::new(name, Node { id, ..node.clone() }, rng.u64(..))
        });
        let processes = processes.collect();
        Self {
            seed,
            now: 0,
            processes,
            mail: BTreeMap::new(),
            sent: 0,
            keys: BTreeMap::from([(Key::Config, config)]),
            last: 1,
            subscriptions: Vec::new(),
            wants_at: 0,
            tokens: BTreeMap::new(),
            copy_at: rng.u64(2 * LEASE_MS..5 * LEASE_MS),
            is_copied: false,
            bound: u64::MAX,
            has_found: false,
            freed: BTreeMap::new(),
            terms: 0,
            rng,
        }
    }

    pub(super) fn run(mut self, tally: &mut Tally) -> Result<(), String> {
        for process in 0..NODES {
            self.feed(process, Input::Tick)?;
        }
        let mut overlapped = false;
        while self.now < END {
            self.step()?;
            for shard in 0..SHARDS {
                let is_open = |p: &&Process| p.is_open(self.now, shard);
                let open = self.processes.iter().filter(is_open).count();
                overlapped |= open > 1;
                let is_freed = self
                    .freed
                    .get(&shard)
                    .is_some_and(|until| self.now < *until);
                let most = if self.is_copy_bound() || is_freed {
                    2
                } else {
                    1
                };
                if open > most {
                    return Err(self.report(&format!("{open} gates of shard {shard} are open")));
                }
            }
        }
        tally.overlaps += u64::from(overlapped);
        tally.found += u64::from(self.has_found);
        tally.terms += self.terms;
        Ok(())
    }

    /// Whether a process and its copy may both be open.
    fn is_copy_bound(&self) -> bool {
        self.is_copied && self.now < self.bound
    }

    fn report(&self, what: &str) -> String {
        let (now, copied, bound) = (self.now, self.copy_at, self.bound);
        format!("{what} at {now}, copied at {copied}, bound {bound}")
    }

    /// Takes the next event: a message, a request that leaves, a timeout, other wants, the copy or the bound.
    fn step(&mut self) -> Result<(), String> {
        let mail = self.mail.keys().map(|(at, _)| *at).next();
        let leaves = self
            .processes
            .iter()
            .flat_map(|p| p.outbox.iter().map(|o| o.0.max(p.resumes_at)));
        let wakes = self.processes.iter().filter_map(Process::wakes_at);
        let others = mail.into_iter().chain([self.wants_at, END]);
        let next = leaves.chain(wakes).chain(others).min().unwrap_or(END);
        if !self.is_copied && next >= self.copy_at {
            self.now = self.now.max(self.copy_at);
            self.copy();
            return Ok(());
        }
        if self.is_copy_bound() && next >= self.bound {
            self.now = self.bound;
            return Ok(());
        }
        self.now = self.now.max(next);
        let now = self.now;
        if now >= self.wants_at {
            self.want();
        }
        if let Some(mail) = self.mail.first_entry().filter(|mail| mail.key().0 <= now) {
            let message = mail.remove();
            return self.deliver(message);
        }
        for of in 0..self.processes.len() {
            let process = &mut self.processes[of];
            if now < process.resumes_at {
                continue;
            }
            if let Some(index) = process.outbox.iter().position(|o| o.0 <= now) {
                let (_, action) = process.outbox.swap_remove(index);
                self.post(Message::Request(of, action));
            } else if process.wakes_at().is_some_and(|wake| wake <= now) {
                return self.feed(of, Input::Tick);
            }
        }
        Ok(())
    }

    /// Moves a shard. A process learns of it soon, or wants something else.
    fn want(&mut self) {
        self.wants_at = self.now + self.rng.u64(1..LEASE_MS / 4);
        let shard = self.rng.u32(0..SHARDS);
        let owner = self.rng.usize(0..NODES);
        for of in 0..self.processes.len() {
            let to = match self.rng.u8(0..3) {
                0 => self.rng.usize(0..NODES),
                _ => owner,
            };
            let want = match self.rng.u8(0..10) {
                0 => Want::Nothing,
                _ if to == self.processes[of].id => Want::Have,
                _ => Want::Give {
                    to: Some(id(&format!("node {to}"))),
                },
            };
            self.post(Message::Input(of, Input::Wanted { shard, want }));
        }
    }

    pub(super) fn note_free(&mut self, by: usize, record: &Record, key: &Key) {
        let (Record::Shard(Ownership::Free { .. }), Key::Shard(shard)) = (record, key) else {
            return;
        };
        let is_twin = |p: &Process| p.id == self.processes[by].id;
        let twin = self.processes.iter().enumerate();
        let twin = twin
            .filter(|(of, p)| *of != by && is_twin(p))
            .map(|(_, p)| p);
        for twin in twin {
            if twin.open.contains_key(shard) {
                let seen_by = self.now.max(twin.resumes_at) + LEASE_MS - GUARD_MS;
                self.freed.insert(*shard, seen_by);
            }
        }
    }

    pub(super) fn feed(&mut self, of: usize, input: Input) -> Result<(), String> {
        let process = &mut self.processes[of];
        let readings = Readings {
            now: process.local(self.now),
            wall: None,
            write_id: WriteId::from_bits(self.rng.u128(..)),
        };
        process.machine.handle(readings, input);
        while let Some(action) = self.processes[of].machine.poll_action() {
            self.perform(of, action)?;
        }
        Ok(())
    }

    fn perform(&mut self, of: usize, action: Action) -> Result<(), String> {
        let process = &mut self.processes[of];
        match action {
            Action::Read { .. } | Action::Write { .. } | Action::Watch { .. } => {
                if let Action::Write {
                    record: Record::Session(SessionRecord::Alive(_)),
                    ..
                } = action
                {
                    process.renewed_at = Some(process.local(self.now));
                }
                // Some are decided on before the image is made, and leave after that.
                let pause = match self.rng.u8(0..4) {
                    0 => self.rng.u64(0..50),
                    _ => 0,
                };
                process.outbox.push((self.now + pause, action));
            }
            Action::CloseWatch { watch } => {
                self.subscriptions
                    .retain(|s| (s.of, s.watch) != (of, watch));
            }
            Action::Begin { deadline, .. } | Action::Extend { deadline } => {
                process.deadline = Some(deadline);
            }
            Action::WarmUp { shard, token } => {
                let ready = true;
                self.later(
                    of,
                    Input::Warmed {
                        shard,
                        token,
                        ready,
                    },
                );
            }
            Action::Open { shard, token } => return self.open(of, shard, token),
            Action::Shut { shard } => {
                // A warm-up is dropped.
                if let Some(token) = process.open.remove(&shard) {
                    self.later(of, Input::Drained { shard, token });
                }
            }
            Action::EndTerm { shard } => _ = process.open.remove(&shard),
            Action::ShutAll => {
                process.open.clear();
                self.later(of, Input::Emptied);
            }
            Action::End { .. } => {
                process.open.clear();
                process.deadline = None;
            }
            Action::Notice(Notice::RunsTwice { .. }) => {
                assert!(self.is_copied, "seed {}: no copy yet", self.seed);
                self.has_found = true;
            }
            Action::Notice(_) | Action::Settled(_) => {}
        }
        Ok(())
    }

    fn open(&mut self, of: usize, shard: u32, token: u64) -> Result<(), String> {
        self.processes[of].open.insert(shard, token);
        self.terms += 1;
        let highest = self.tokens.entry(shard).or_default();
        let before = std::mem::replace(highest, token.max(*highest));
        if token <= before && !self.is_copy_bound() {
            let what = format!("a term of shard {shard} has {token} after {before}");
            return Err(self.report(&what));
        }
        Ok(())
    }

    fn later(&mut self, of: usize, input: Input) {
        let delay = self.rng.u64(1..50);
        self.mail_at(self.now + delay, Message::Input(of, input));
    }

    /// Copies a process that is open, or any. The copy resumes at once or later, with the clock of the image. Of the
    /// watches, and of the answers that are on their way, each reaches the original, the copy, or both. Some leave later.
    fn copy(&mut self) {
        let is_open = |p: &Process| (0..SHARDS).any(|shard| p.is_open(self.now, shard));
        let open = self.processes.iter().position(is_open);
        let of = open.unwrap_or_else(|| self.rng.usize(0..NODES));
        let pause = match self.rng.bool() {
            true => 0,
            false => self.rng.u64(0..2 * LEASE_MS),
        };
        let mut copy = self.processes[of].clone();
        copy.born += pause;
        copy.resumes_at = self.now + pause;
        for request in &mut copy.outbox {
            request.0 += pause;
        }
        let carried = copy.carries();
        let left = carried.saturating_since(self.processes[of].local(self.now));
        let left = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        self.bound = copy.resumes_at + left + 1;
        let twin = self.processes.len();
        self.processes.push(copy);
        self.is_copied = true;
        for mut subscription in std::mem::take(&mut self.subscriptions) {
            if subscription.of == of {
                match self.rng.u8(0..3) {
                    0 => subscription.of = twin,
                    1 => self.subscriptions.push(Subscription {
                        of: twin,
                        ..subscription.clone()
                    }),
                    _ => {}
                }
            }
            self.subscriptions.push(subscription);
        }
        let mut both = Vec::new();
        for (at, message) in &mut self.mail {
            if let Message::Input(to, input) = message
                && *to == of
            {
                match self.rng.u8(0..3) {
                    0 => *to = twin,
                    1 => both.push((at.0, Message::Input(twin, input.clone()))),
                    _ => {}
                }
            }
        }
        for (at, message) in both {
            self.mail_at(at, message);
        }
        let one = if self.rng.bool() { of } else { twin };
        match self.rng.u8(0..4) {
            0 => {
                let at = self.now + self.rng.u64(0..LEASE_MS);
                self.mail_at(at, Message::Input(one, Input::Leave));
            }
            1 => {
                for shard in 0..SHARDS {
                    let want = Want::Give { to: None };
                    let at = self.rng.u64(self.now..=self.bound);
                    self.mail_at(at, Message::Input(one, Input::Wanted { shard, want }));
                }
            }
            _ => {}
        }
    }
}
