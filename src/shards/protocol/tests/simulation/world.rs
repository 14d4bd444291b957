//! Time, events, and what a node does.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
};

use super::{
    super::super::{rule::Rule, *},
    checks::Checks,
    process::{DRAIN, LEASE, MS, Process, SHARDS, Watch, node_id},
    store::Store,
};
use crate::{
    clock::WallTime,
    lease::{Readings, WriteId},
};

/// The true wall clock at the start: in 2027.
const START: u64 = 1_800_000_000_000;

#[derive(Debug)]
pub(super) enum Event {
    Wake(usize),
    /// A request leaves a process, if the time since the decision allows.
    Leave(usize, u64, Action),
    /// It arrives at the store.
    Arrive(usize, Action),
    Input(usize, Input),
    /// A process learns what the placement says of a shard at that time.
    Advise(usize, u32),
    /// The next message of a watch.
    Push(usize, u64),
    Trouble,
    Restart(usize),
    Calm,
}

pub(super) struct World {
    pub(super) now: u64,
    pub(super) rng: fastrand::Rng,
    pub(super) without: Option<Rule>,
    pub(super) nodes: usize,
    pub(super) processes: Vec<Process>,
    pub(super) store: Store,
    pub(super) checks: Checks,
    /// The node that is to have each shard.
    pub(super) targets: Vec<usize>,
    pub(super) is_calm: bool,
    /// In this run, records are removed by hand, and two processes may share a node id.
    pub(super) removes: bool,
    pub(super) twins: bool,
    pub(super) stalls: bool,
    /// Only two gates at once count as a violation.
    pub(super) gates_only: bool,
    /// All nodes have wall clocks, or none has.
    has_walls: bool,
    /// Prints each input and action.
    traces: bool,
    events: BinaryHeap<Reverse<(u64, u64)>>,
    bodies: BTreeMap<u64, Event>,
    count: u64,
    end: u64,
}

impl World {
    pub(super) fn new(seed: u64, without: Option<Rule>) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let nodes = rng.usize(2..=3);
        let removes = rng.u8(0..3) == 0;
        let twins = rng.u8(0..3) == 0;
        let stalls = rng.bool();
        let mut world = Self {
            now: 1_000 * MS,
            without,
            nodes,
            processes: Vec::new(),
            store: Store::default(),
            checks: Checks::default(),
            targets: (0..SHARDS).map(|_| rng.usize(..nodes)).collect(),
            is_calm: false,
            removes,
            twins,
            stalls,
            gates_only: false,
            has_walls: rng.bool(),
            traces: std::env::var("NOLEADER_TRACE").is_ok(),
            events: BinaryHeap::new(),
            bodies: BTreeMap::new(),
            count: 0,
            end: 0,
            rng,
        };
        let config = Config {
            shards: SHARDS,
            lease_ms: LEASE / MS,
            hash: Hash::Xxh64,
        };
        world.store.put(0, &Key::Config, Some(config.encode()));
        for node in 0..nodes {
            world.start(node);
        }
        let calm_at = world.now + LEASE * world.rng.u64(6..12);
        world.end = calm_at + 9 * LEASE;
        world.schedule(calm_at, Event::Calm);
        world.schedule(LEASE, Event::Trouble);
        world
    }

    /// Runs to the end, or to the first violation.
    pub(super) fn run(mut self) -> Result<Checks, String> {
        while self.now < self.end && self.checks.violation.is_none() {
            let Some(Reverse((at, id))) = self.events.pop() else {
                break;
            };
            self.now = self.now.max(at);
            if let Some(event) = self.bodies.remove(&id) {
                self.take(event);
            }
        }
        if self.checks.violation.is_none() {
            self.check_end();
        }
        match self.checks.violation.take() {
            None => Ok(self.checks),
            Some(violation) => Err(format!("at {} ms: {violation}", self.now / MS)),
        }
    }

    pub(super) fn schedule(&mut self, at: u64, event: Event) {
        self.count += 1;
        self.events.push(Reverse((at, self.count)));
        self.bodies.insert(self.count, event);
    }

    pub(super) fn start(&mut self, node: usize) {
        let mut process = Process::new(node, self.now, self.without, &mut self.rng);
        process.wall_offset = self.has_walls.then(|| self.rng.u64(0..400));
        self.processes.push(process);
        let index = self.processes.len() - 1;
        for shard in 0..SHARDS {
            self.advise_soon(index, shard);
        }
        self.feed(index, Input::Tick);
    }

    pub(super) fn advise_soon(&mut self, process: usize, shard: u32) {
        self.schedule(self.now, Event::Advise(process, shard));
    }

    fn advise(&mut self, process: usize, shard: u32) {
        let target = self.targets[shard as usize];
        let want = match self.processes[process].node == target {
            true => Want::Have,
            false if self.rng.u8(0..4) == 0 && !self.is_calm => Want::Nothing,
            false => Want::Give {
                to: Some(node_id(target)),
            },
        };
        self.feed(process, Input::Wanted { shard, want });
    }

    fn take(&mut self, event: Event) {
        let process = match &event {
            Event::Wake(p)
            | Event::Advise(p, _)
            | Event::Leave(p, ..)
            | Event::Input(p, _)
            | Event::Push(p, ..) => Some(*p),
            _ => None,
        };
        if let Some(process) = process {
            if !self.processes[process].is_up {
                return;
            }
            let resumes_at = self.processes[process].resumes_at;
            if resumes_at > self.now {
                return self.schedule(resumes_at, event);
            }
        }
        match event {
            Event::Wake(process) => {
                if self.processes[process].wakes_at <= self.now {
                    self.processes[process].wakes_at = u64::MAX;
                    self.feed(process, Input::Tick);
                }
            }
            Event::Leave(process, decided_at, action) => self.leave(process, decided_at, action),
            Event::Arrive(process, action) => self.arrive(process, action),
            Event::Input(process, input) => self.feed(process, input),
            Event::Advise(process, shard) => self.advise(process, shard),
            Event::Push(process, watch) => self.push(process, watch),
            Event::Trouble => self.make_trouble(),
            Event::Restart(node) => {
                let runs = self.processes.iter().any(|p| p.is_up && p.node == node);
                if !runs && !self.is_calm {
                    self.start(node);
                }
            }
            Event::Calm => self.calm_down(),
        }
    }

    pub(super) fn feed(&mut self, process: usize, input: Input) {
        let p = &mut self.processes[process];
        let wall = p.wall_offset;
        let wall = wall.map(|offset| WallTime::from_unix_ms(START + self.now / MS + offset));
        let readings = Readings {
            now: p.local(self.now),
            wall,
            write_id: WriteId::from_bits(self.rng.u128(..)),
        };
        if self.traces {
            println!("{} {process} <- {input:?}", self.now);
        }
        p.machine.handle(readings, input);
        while let Some(action) = self.processes[process].machine.poll_action() {
            self.perform(process, action);
        }
        let p = &mut self.processes[process];
        if let Some(at) = p.machine.poll_timeout() {
            let at = p.real(at).max(self.now + 1);
            if at < p.wakes_at {
                p.wakes_at = at;
                self.schedule(at, Event::Wake(process));
            }
        }
    }

    fn perform(&mut self, process: usize, action: Action) {
        let now = self.now;
        if self.traces {
            println!("{now} {process}    -> {action:?}");
        }
        self.check_action(process, &action);
        let p = &mut self.processes[process];
        match action {
            Action::Read { .. } | Action::Write { .. } => {
                let at = now + self.rng.u64(0..200);
                self.schedule(at, Event::Leave(process, now, action));
            }
            Action::Watch { watch, .. } => {
                let kept = Watch {
                    index: 0,
                    queue: VecDeque::new(),
                    last_at: u64::MAX,
                    stalled_until: 0,
                    is_lazy: self.rng.bool(),
                };
                p.watches.insert(watch, kept);
                let at = now + self.delay();
                self.schedule(at, Event::Arrive(process, action));
            }
            Action::CloseWatch { watch } => {
                p.watches.remove(&watch);
            }
            Action::Begin { session, deadline } => {
                p.session = Some(session);
                p.deadline = Some(deadline);
            }
            Action::Extend { deadline } => {
                p.deadline = Some(deadline);
                let open: Vec<u32> = p.gates.keys().copied().collect();
                for shard in open {
                    self.check_gate(process, shard);
                }
            }
            Action::WarmUp { shard, token } => {
                let ready = self.is_calm || self.rng.u8(0..5) > 0;
                let at = now + self.rng.u64(1..300 * MS);
                let warmed = Input::Warmed {
                    shard,
                    token,
                    ready,
                };
                self.schedule(at, Event::Input(process, warmed));
            }
            Action::Open { shard, token } => {
                p.gates.insert(shard, token);
                let until = now + self.rng.u64(0..DRAIN * 3 / 2);
                self.processes[process].inside.insert((shard, token), until);
                self.check_gate(process, shard);
                self.check_token(shard, token);
            }
            Action::Shut { shard } => {
                p.shut(now, shard);
                self.drain(process, shard);
            }
            Action::EndTerm { shard } => p.shut(now, shard),
            Action::ShutAll => {
                p.shut_all(now);
                p.left_at = Some(now);
                for shard in 0..SHARDS {
                    self.drain(process, shard);
                }
                let inside = self.processes[process].inside.values().max();
                let at = inside.copied().unwrap_or(now).max(now);
                self.schedule(at, Event::Input(process, Input::Emptied));
            }
            Action::End { .. } => {
                p.shut_all(now);
                p.session = None;
                p.deadline = None;
            }
            Action::Settled(_) => p.is_up = false,
            Action::Notice(_) => {}
        }
    }

    fn drain(&mut self, process: usize, shard: u32) {
        let now = self.now;
        let inside = self.processes[process].inside.clone();
        for ((of, token), until) in inside {
            if of == shard {
                let drained = Input::Drained { shard, token };
                self.schedule(until.max(now), Event::Input(process, drained));
            }
        }
    }
}
