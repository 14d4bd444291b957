//! A simulation of machines, one of which is copied at a random time, with its clock, its gate and its requests.
//!
//! Claim: until the deadline that the image carries, or that its write in progress would grant, two gates may be open.
//! From then on at most one is.

use super::{super::*, harness::*};
use crate::clock::Moment;

const SEEDS: u64 = 1_000;
const LEASE_MS: u64 = 1_000;
const END: u64 = 14 * LEASE_MS;

#[derive(Default)]
struct Tally {
    /// Runs in which two gates were open.
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
    assert!(bad.is_empty(), "{} of {SEEDS} runs: {first:?}", bad.len());
    assert!(tally.overlaps > SEEDS / 20, "{}", tally.overlaps);
    assert!(tally.found > SEEDS / 2, "{}", tally.found);
    assert!(tally.terms > SEEDS, "{}", tally.terms);
}

#[derive(Clone)]
struct Node {
    machine: Machine,
    /// The real time at which its clock showed 0. A copy that resumes late has a later one.
    born: u64,
    /// It does nothing before.
    resumes_at: u64,
    deadline: Option<Moment>,
    is_open: bool,
    /// Requests that it has not sent yet.
    outbox: Vec<(u64, Action)>,
}

impl Node {
    fn local(&self, real: u64) -> Moment {
        at(real.saturating_sub(self.born))
    }

    fn is_open(&self, real: u64) -> bool {
        let valid = self.deadline.is_some_and(|until| self.local(real) < until);
        self.is_open && valid && real >= self.resumes_at
    }

    fn wakes_at(&self) -> Option<u64> {
        let due = self.machine.poll_timeout()?;
        let local = due.saturating_since(at(0)).as_nanos().div_ceil(1_000_000);
        let local = u64::try_from(local).unwrap_or(u64::MAX);
        Some((self.born.saturating_add(local)).max(self.resumes_at))
    }

    /// Until when the image lets a gate be open, on its clock.
    fn carries(&self) -> Moment {
        let write = self.machine.request.as_ref().map(|r| r.sent_at);
        let granted = write.map(|sent| self.machine.me.timing.valid_until(sent));
        granted.max(self.deadline).unwrap_or_default()
    }
}

enum Message {
    /// A request arrives at the server.
    Request(usize, Action),
    /// An answer or a push arrives at a node.
    Input(usize, Input),
}

struct Sim {
    seed: u64,
    rng: fastrand::Rng,
    now: u64,
    nodes: Vec<Node>,
    mail: Vec<(u64, Message)>,
    key: Observation,
    /// When the image is made, and of which node the copy is.
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
        let settings = TimeSettings {
            lease: ms(LEASE_MS),
            drain_timeout: ms(LEASE_MS / 4),
            ..TimeSettings::default()
        };
        let timing = settings.timing().unwrap();
        let nodes = (0..3).map(|name| Node {
            machine: Machine::new(
                Candidate {
                    session: format!("session {name}"),
                    timing: timing.clone(),
                    ..candidate()
                },
                rng.u64(..),
            ),
            born: 0,
            resumes_at: 0,
            deadline: None,
            is_open: false,
            outbox: Vec::new(),
        });
        let nodes = nodes.collect();
        Self {
            seed,
            now: 0,
            nodes,
            mail: Vec::new(),
            key: Observation::absent(),
            copy_at: rng.u64(2 * LEASE_MS..6 * LEASE_MS),
            copied: None,
            bound: u64::MAX,
            has_found: false,
            terms: 0,
            rng,
        }
    }

    fn run(mut self, tally: &mut Tally) -> Result<(), String> {
        for node in 0..self.nodes.len() {
            self.feed(node, Input::Tick);
        }
        let mut overlapped = false;
        while self.now < END {
            self.step();
            let open = self.nodes.iter().filter(|n| n.is_open(self.now)).count();
            overlapped |= open > 1;
            let most = match self.copied {
                Some(_) if self.now < self.bound => 2,
                _ => 1,
            };
            if open > most {
                let Self {
                    now,
                    copy_at,
                    bound,
                    ..
                } = self;
                return Err(format!(
                    "{open} gates are open at {now}, copied at {copy_at}, bound {bound}"
                ));
            }
        }
        tally.overlaps += u64::from(overlapped);
        tally.found += u64::from(self.has_found);
        tally.terms += self.terms;
        Ok(())
    }

    /// Takes the next event: a message, a request that leaves, a timeout, or the copy.
    fn step(&mut self) {
        let mail = self.mail.iter().map(|(at, _)| *at).min();
        let leaves = self
            .nodes
            .iter()
            .flat_map(|n| n.outbox.iter().map(|o| o.0.max(n.resumes_at)));
        let wakes = self.nodes.iter().filter_map(Node::wakes_at);
        let next = leaves.chain(wakes).chain(mail).min().unwrap_or(END);
        if self.copied.is_none() && next >= self.copy_at {
            self.now = self.now.max(self.copy_at);
            return self.copy();
        }
        self.now = self.now.max(next);
        if let Some(index) = self.mail.iter().position(|(at, _)| *at <= self.now) {
            let (_, message) = self.mail.swap_remove(index);
            return self.deliver(message);
        }
        for node in 0..self.nodes.len() {
            if self.now < self.nodes[node].resumes_at {
                continue;
            }
            let now = self.now;
            if let Some(index) = self.nodes[node].outbox.iter().position(|o| o.0 <= now) {
                let (_, action) = self.nodes[node].outbox.swap_remove(index);
                return self.post(Message::Request(node, action));
            }
            if self.nodes[node].wakes_at().is_some_and(|wake| wake <= now) {
                let input = match self.rng.u8(0..60) {
                    0 => Input::StepDown,
                    _ => Input::Tick,
                };
                return self.feed(node, input);
            }
        }
    }

    /// Most messages take some milliseconds. Some take long, and some are lost.
    fn post(&mut self, message: Message) {
        let delay = match self.rng.u8(0..100) {
            0..3 => return,
            3..8 => self.rng.u64(10..LEASE_MS / 2),
            _ => self.rng.u64(1..10),
        };
        self.mail.push((self.now + delay, message));
    }

    fn deliver(&mut self, message: Message) {
        match message {
            Message::Input(node, input) if self.now >= self.nodes[node].resumes_at => {
                self.feed(node, input);
            }
            // The copy does not run yet.
            Message::Input(..) => {}
            Message::Request(node, Action::Read { attempt }) => {
                let seen = Some(self.key.clone());
                self.post(Message::Input(node, Input::Read { attempt, seen }));
            }
            Message::Request(
                node,
                Action::Write {
                    attempt,
                    expected,
                    record,
                },
            ) => {
                let outcome = self.compare_and_set(expected, &record);
                self.post(Message::Input(node, Input::Written { attempt, outcome }));
            }
            Message::Request(..) => unreachable!("only requests are sent"),
        }
    }

    fn compare_and_set(&mut self, expected: u64, record: &Record) -> Outcome {
        if self.key.revision() != expected {
            return Outcome::Conflict;
        }
        self.key = holds(expected + 1, record);
        for node in 0..self.nodes.len() {
            self.post(Message::Input(node, Input::Pushed(self.key.clone())));
        }
        match self.rng.u8(0..30) {
            0 => Outcome::Unknown,
            _ => Outcome::Acknowledged(expected + 1),
        }
    }

    fn feed(&mut self, node: usize, input: Input) {
        let n = &mut self.nodes[node];
        let readings = Readings {
            now: n.local(self.now),
            wall: None,
            write_id: WriteId::from_bits(self.rng.u128(..)),
        };
        n.machine.handle(readings, input);
        while let Some(action) = self.nodes[node].machine.poll_action() {
            self.perform(node, action);
        }
    }

    fn perform(&mut self, node: usize, action: Action) {
        let n = &mut self.nodes[node];
        match action {
            Action::Read { .. } | Action::Write { .. } => {
                // Some are decided on before the image is made, and leave after that.
                let pause = match self.rng.u8(0..4) {
                    0 => self.rng.u64(0..50),
                    _ => 0,
                };
                n.outbox.push((self.now + pause, action));
            }
            Action::Begin { deadline, .. } => {
                n.deadline = Some(deadline);
                self.terms += 1;
            }
            Action::Extend { deadline } => n.deadline = Some(deadline),
            Action::Open => n.is_open = true,
            Action::Close => {
                n.is_open = false;
                let token = n.machine.token().unwrap_or_default();
                let delay = self.rng.u64(1..50);
                let drained = Input::Drained { token };
                self.mail
                    .push((self.now + delay, Message::Input(node, drained)));
            }
            Action::End { .. } => {
                n.is_open = false;
                n.deadline = None;
            }
            Action::Notice(Notice::RunsTwice { .. }) => {
                assert!(self.copied.is_some(), "seed {}: no copy yet", self.seed);
                self.has_found = true;
            }
            Action::Notice(_) | Action::Settled(_) | Action::WarmUp => {}
        }
    }

    /// Copies the leader, or any node. The copy resumes at once or later, with the clock of the image. Of the answers
    /// that are on their way, each reaches the original, the copy, or both.
    fn copy(&mut self) {
        let leader = self.nodes.iter().position(|n| n.is_open(self.now));
        let of = leader.unwrap_or_else(|| self.rng.usize(0..3));
        let pause = match self.rng.bool() {
            true => 0,
            false => self.rng.u64(0..2 * LEASE_MS),
        };
        let mut copy = self.nodes[of].clone();
        copy.born += pause;
        copy.resumes_at = self.now + pause;
        for request in &mut copy.outbox {
            request.0 += pause;
        }
        let carried = self.nodes[of].carries();
        let left = carried.saturating_since(self.nodes[of].local(self.now));
        let left = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        self.bound = copy.resumes_at + left + 1;
        let twin = self.nodes.len();
        self.nodes.push(copy);
        self.copied = Some(of);
        let mut both = Vec::new();
        for (at, message) in &mut self.mail {
            if let Message::Input(node, input) = message
                && *node == of
            {
                match self.rng.u8(0..3) {
                    0 => *node = twin,
                    1 => both.push((*at, Message::Input(twin, input.clone()))),
                    _ => {}
                }
            }
        }
        self.mail.extend(both);
    }
}
