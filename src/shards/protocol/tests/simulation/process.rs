//! A process that runs a node: its machine, its clock and its gates.

use std::collections::{BTreeMap, VecDeque};

use super::super::super::{rule::Rule, *};
use crate::{
    clock::Moment,
    lease::{Observation, TimeSettings, Timing},
    names::NodeId,
};

pub(super) const MS: u64 = 1_000;
pub(super) const LEASE: u64 = 3_000 * MS;
pub(super) const DRAIN: u64 = 400 * MS;
pub(super) const SHARDS: u32 = 4;

pub(super) struct Process {
    pub(super) node: usize,
    pub(super) machine: Machine,
    pub(super) is_up: bool,
    /// The real time at which its clock showed 0, and its rate in thousandths.
    born: u64,
    rate: u64,
    /// It does nothing before.
    pub(super) resumes_at: u64,
    pub(super) session: Option<SessionId>,
    pub(super) deadline: Option<Moment>,
    /// The open gates, and their tokens.
    pub(super) gates: BTreeMap<u32, u64>,
    /// The terms with requests inside, and when the last one finishes.
    pub(super) inside: BTreeMap<(u32, u64), u64>,
    /// When a shard was last shut.
    pub(super) shut_at: BTreeMap<u32, u64>,
    pub(super) left_at: Option<u64>,
    pub(super) watches: BTreeMap<u64, Watch>,
    /// The next time at which it is woken.
    pub(super) wakes_at: u64,
    /// Its difference from the true wall clock, if it has one.
    pub(super) wall_offset: Option<u64>,
}

/// A watch as the server keeps it.
pub(super) struct Watch {
    pub(super) index: u64,
    /// What is on its way, in order.
    pub(super) queue: VecDeque<Push>,
    /// Its messages are not delivered before the former ones.
    pub(super) last_at: u64,
    pub(super) stalled_until: u64,
    /// It leaves out a message that was replaced before it was delivered.
    pub(super) is_lazy: bool,
}

pub(super) enum Push {
    /// It was opened, when the stream ended with this sequence.
    Open(u64),
    Message(Key, Observation),
    CaughtUp,
}

pub(super) fn timing() -> Timing {
    let settings = TimeSettings {
        lease: std::time::Duration::from_micros(LEASE),
        drain_timeout: std::time::Duration::from_micros(DRAIN),
        ..TimeSettings::default()
    };
    settings.timing().unwrap()
}

pub(super) fn node_id(node: usize) -> NodeId {
    NodeId::parse(format!("n{node}")).unwrap()
}

impl Process {
    pub(super) fn new(
        node: usize,
        now: u64,
        without: Option<Rule>,
        rng: &mut fastrand::Rng,
    ) -> Self {
        let me = Node {
            id: node_id(node),
            address: None,
            weight: 1,
            lock: None,
            timing: timing(),
            shards: SHARDS,
            warm_up: rng.u8(0..4) == 0,
            max_requests: rng.usize(1..5),
        };
        let mut machine = Machine::new(me, rng.u64(..));
        machine.without = without;
        Self {
            node,
            machine,
            is_up: true,
            born: now,
            // Any two clocks differ by less than 10 %.
            rate: rng.u64(955..=1_045),
            resumes_at: now,
            session: None,
            deadline: None,
            gates: BTreeMap::new(),
            inside: BTreeMap::new(),
            shut_at: BTreeMap::new(),
            left_at: None,
            watches: BTreeMap::new(),
            wakes_at: u64::MAX,
            wall_offset: None,
        }
    }

    pub(super) fn local(&self, real: u64) -> Moment {
        let elapsed = real.saturating_sub(self.born);
        Moment::from_nanos(1_000_000 + elapsed * self.rate)
    }

    /// The first real time at which its clock shows the moment.
    pub(super) fn real(&self, local: Moment) -> u64 {
        let elapsed = local.as_nanos().saturating_sub(1_000_000);
        self.born.saturating_add(elapsed.div_ceil(self.rate))
    }

    pub(super) fn is_valid(&self, real: u64) -> bool {
        self.is_up && self.deadline.is_some_and(|until| self.local(real) < until)
    }

    pub(super) fn is_open(&self, real: u64, shard: u32) -> bool {
        self.is_valid(real) && self.gates.contains_key(&shard)
    }

    pub(super) fn shut(&mut self, now: u64, shard: u32) {
        if self.gates.remove(&shard).is_some() {
            self.shut_at.insert(shard, now);
        }
    }

    pub(super) fn shut_all(&mut self, now: u64) {
        for shard in 0..SHARDS {
            self.shut(now, shard);
        }
    }
}
