//! A simulation of machines, one of which is copied at a random time, with its clock, its gates, its requests and its
//! watches.
//!
//! Claim, for each shard: until the deadline that the image carries, or that its last renewal would grant, two gates may
//! be open. From then on at most one is, and each term has a larger token than all before.

use std::{collections::BTreeMap, time::Duration};

use super::{super::*, harness::*};
use crate::{
    clock::Moment,
    lease::{Observation, Outcome, Readings, Timing, WriteId},
};

const SEEDS: u64 = 1_000;
const LEASE_MS: u64 = 2_000;
const END: u64 = 12 * LEASE_MS;
const NODES: usize = 3;
const SHARDS: u32 = 3;

#[derive(Default)]
struct Tally {
    /// Runs in which two gates of one shard were open.
    overlaps: u64,
    /// Runs in which a machine found that its image runs twice.
    found: u64,
    terms: u64,
}

#[test]
fn copied_image_opens_one_gate_after_deadline() {
    let mut tally = Tally::default();
    let runs = (0..SEEDS).map(|seed| (seed, Sim::new(seed).run(&mut tally)));
    let bad: Vec<_> = runs
        .filter_map(|(seed, ran)| Some((seed, ran.err()?)))
        .collect();
    let first = bad.first();
    println!("{} {} {}", tally.overlaps, tally.found, tally.terms);
    assert!(bad.is_empty(), "{} of {SEEDS} runs: {first:?}", bad.len());
    assert!(tally.overlaps > SEEDS / 20, "{}", tally.overlaps);
    assert!(tally.found > SEEDS / 2, "{}", tally.found);
    assert!(tally.terms > 10 * SEEDS, "{}", tally.terms);
}

fn timing() -> Timing {
    let part = |parts| Duration::from_millis(LEASE_MS / parts);
    Timing {
        lease: part(1),
        guard: part(10),
        renew_every: part(3),
        request_timeout: part(6),
        drain_timeout: part(4),
        campaign_delay: part(100),
    }
}

#[derive(Clone)]
struct Process {
    id: usize,
    machine: Machine,
    /// The real time at which its clock showed 0. A copy that resumes late has a later one.
    born: u64,
    /// It does nothing before.
    resumes_at: u64,
    deadline: Option<Moment>,
    /// When the last record of its session was sent.
    renewed_at: Option<Moment>,
    /// The tokens of the shards whose gates are open until the deadline.
    open: BTreeMap<u32, u64>,
    /// Requests that it has not sent yet.
    outbox: Vec<(u64, Action)>,
}

impl Process {
    fn local(&self, real: u64) -> Moment {
        at(real.saturating_sub(self.born))
    }

    fn is_open(&self, real: u64, shard: u32) -> bool {
        let valid = self.deadline.is_some_and(|until| self.local(real) < until);
        self.open.contains_key(&shard) && valid && real >= self.resumes_at
    }

    fn wakes_at(&self) -> Option<u64> {
        let due = self.machine.poll_timeout()?;
        let local = due.saturating_since(at(0)).as_nanos().div_ceil(1_000_000);
        let local = u64::try_from(local).unwrap_or(u64::MAX);
        Some((self.born.saturating_add(local)).max(self.resumes_at))
    }

    /// Until when the image lets a gate be open, on its clock.
    fn carries(&self) -> Moment {
        let granted = self.renewed_at.map(|sent| timing().valid_until(sent));
        granted.max(self.deadline).unwrap_or_default()
    }
}

enum Message {
    /// A request arrives at the server.
    Request(usize, Action),
    /// An answer, a delivery or an event of the process itself.
    Input(usize, Input),
}

#[derive(Clone)]
struct Subscription {
    of: usize,
    watch: u64,
    index: u64,
    /// When its last message arrives.
    arrives_at: u64,
}

struct Sim {
    seed: u64,
    rng: fastrand::Rng,
    now: u64,
    processes: Vec<Process>,
    /// By the time of their arrival, and a number.
    mail: BTreeMap<(u64, u64), Message>,
    sent: u64,
    keys: BTreeMap<Key, Observation>,
    last: u64,
    subscriptions: Vec<Subscription>,
    /// When the placement wants something else.
    wants_at: u64,
    /// The highest token of each shard.
    tokens: BTreeMap<u32, u64>,
    /// When the image is made, and of which process.
    copy_at: u64,
    copied: Option<usize>,
    /// Until when the image lets two gates be open.
    bound: u64,
    has_found: bool,
    terms: u64,
}

impl Sim {
    fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let node = Node {
            timing: timing(),
            shards: SHARDS,
            warm_up: rng.bool(),
            ..node()
        };
        let config = Observation::new(1, Some(node.config().encode()));
        let processes = (0..NODES).map(|name| Process {
            id: name,
            machine: Machine::new(
                Node {
                    id: id(&format!("node {name}")),
                    ..node.clone()
                },
                rng.u64(..),
            ),
            born: 0,
            resumes_at: 0,
            deadline: None,
            renewed_at: None,
            open: BTreeMap::new(),
            outbox: Vec::new(),
        });
        Self {
            seed,
            now: 0,
            processes: processes.collect(),
            mail: BTreeMap::new(),
            sent: 0,
            keys: BTreeMap::from([(Key::Config, config)]),
            last: 1,
            subscriptions: Vec::new(),
            wants_at: 0,
            tokens: BTreeMap::new(),
            copy_at: rng.u64(2 * LEASE_MS..5 * LEASE_MS),
            copied: None,
            bound: u64::MAX,
            has_found: false,
            terms: 0,
            rng,
        }
    }

    fn run(mut self, tally: &mut Tally) -> Result<(), String> {
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
                if open > if self.is_copy_bound() { 2 } else { 1 } {
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
        self.copied.is_some() && self.now < self.bound
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
        if self.copied.is_none() && next >= self.copy_at {
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
            let to = match self.rng.u8(0..6) {
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

    /// Most messages take some milliseconds. Some take long, and some are lost.
    fn post(&mut self, message: Message) {
        let delay = match self.rng.u8(0..100) {
            0..3 => return,
            3..8 => self.rng.u64(10..LEASE_MS / 2),
            _ => self.rng.u64(1..10),
        };
        self.mail_at(self.now + delay, message);
    }

    fn mail_at(&mut self, at: u64, message: Message) {
        self.sent += 1;
        self.mail.insert((at, self.sent), message);
    }

    fn deliver(&mut self, message: Message) -> Result<(), String> {
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
            1..6 => self.rng.u64(10..LEASE_MS / 4),
            _ => self.rng.u64(1..10),
        };
        let state = &mut self.subscriptions[subscription];
        state.arrives_at = state.arrives_at.max(self.now + delay);
        let (of, at) = (state.of, state.arrives_at);
        self.mail_at(at, Message::Input(of, input));
    }

    fn feed(&mut self, of: usize, input: Input) -> Result<(), String> {
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
                assert!(self.copied.is_some(), "seed {}: no copy yet", self.seed);
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
        self.copied = Some(of);
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
        if self.rng.u8(0..4) == 0 {
            let leaver = if self.rng.bool() { of } else { twin };
            let at = self.now + self.rng.u64(0..LEASE_MS);
            self.mail_at(at, Message::Input(leaver, Input::Leave));
        }
    }
}
