//! The table of owners, its changes, and their delays. Times are in milliseconds.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::fixtures::{LEASE, node},
    process::{Fact, Process, Session},
};
use crate::{
    clock::Moment,
    names::NodeId,
    shards::{placement::LiveNode, protocol::Want},
};

/// The longest way of a message.
pub(super) const DELAY: u64 = 40;
/// The longest drain.
pub(super) const DRAIN: u64 = 200;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    Free(Option<NodeId>),
    Held(Session, NodeId),
}

#[derive(Clone, Debug)]
enum Event {
    Learn(usize, Fact),
    Wake(usize),
    /// A process sends its claim of a shard, if it still may.
    Claim(usize, u32),
    /// A claim arrives that replaces this revision.
    Claimed(usize, u32, u64),
    /// A shard is drained.
    Freed(usize, u32),
}

pub(super) struct World {
    pub(super) now: u64,
    rng: fastrand::Rng,
    shards: u32,
    events: BTreeMap<(u64, u64), Event>,
    scheduled: u64,
    pub(super) processes: Vec<Process>,
    pub(super) table: Vec<(u64, Content)>,
    live: BTreeMap<Session, LiveNode>,
    /// The node that last held a shard, and since when it has had no owner.
    last: Vec<(Option<NodeId>, Option<u64>)>,
    /// The moves of each shard: claims by a node that was not the last to hold it.
    pub(super) moves: Vec<u32>,
    pub(super) longest_gap: u64,
    pub(super) refused: u64,
    /// The most shards that one process had given away at once.
    pub(super) most_given: usize,
    /// The warm-ups of these shards fail on these nodes.
    pub(super) fails: BTreeSet<(String, u32)>,
}

impl World {
    pub(super) fn new(seed: u64, shards: u32) -> Self {
        Self {
            now: 1_000,
            rng: fastrand::Rng::with_seed(seed),
            shards,
            events: BTreeMap::new(),
            scheduled: 0,
            processes: Vec::new(),
            table: vec![(0, Content::Free(None)); shards as usize],
            live: BTreeMap::new(),
            last: vec![(None, None); shards as usize],
            moves: vec![0; shards as usize],
            longest_gap: 0,
            refused: 0,
            most_given: 0,
            fails: BTreeSet::new(),
        }
    }

    pub(super) fn start(&mut self, name: &str, weight: u32) -> usize {
        let session = self.processes.len();
        let mut process = Process::new(name, session, self.shards);
        // It has read the bucket.
        for (shard, (revision, content)) in (0..).zip(&self.table) {
            process.learn(self.now, Fact::Shard(shard, *revision, content.clone()));
        }
        let replaced = self
            .live
            .iter()
            .find(|(_, live)| live.id == process.id)
            .map(|(session, _)| *session);
        if let Some(replaced) = replaced {
            self.live.remove(&replaced);
        }
        let begun = node(name, weight, 0);
        self.live.insert(session, begun.clone());
        for (other, live) in &self.live {
            process.learn(self.now, Fact::Began(*other, live.clone()));
        }
        process.last_at = self.now;
        self.processes.push(process);
        self.publish(Fact::Began(session, begun));
        self.follow(session);
        session
    }

    /// The process stops at once. Its session ends a lease later, unless its node starts before.
    pub(super) fn crash(&mut self, process: usize) {
        self.processes[process].is_up = false;
        self.run_for(0);
    }

    pub(super) fn fence(&mut self, process: usize) {
        self.end_session(process);
    }

    /// The process gives all its shards away, and ends its session once it has none.
    pub(super) fn leave(&mut self, process: usize) {
        self.processes[process].is_leaving = true;
        self.processes[process]
            .advisor
            .handle_leave(moment(self.now));
        self.follow(process);
        self.end_if_left(process);
    }

    fn end_if_left(&mut self, process: usize) {
        let session = self.processes[process].session;
        let is_holding = self
            .table
            .iter()
            .any(|(_, content)| matches!(content, Content::Held(by, _) if *by == session));
        if self.processes[process].is_leaving && self.processes[process].is_up && !is_holding {
            self.processes[process].is_up = false;
            self.end_session(process);
        }
    }

    fn end_session(&mut self, process: usize) {
        let session = self.processes[process].session;
        if self.live.remove(&session).is_some() {
            for (shard, (_, content)) in self.table.iter().enumerate() {
                if matches!(content, Content::Held(by, _) if *by == session) {
                    self.last[shard].1 = Some(self.now);
                }
            }
            self.publish(Fact::Ended(session));
        }
    }

    pub(super) fn run_for(&mut self, ms: u64) {
        let until = self.now + ms;
        while let Some(event) = self
            .events
            .first_entry()
            .filter(|event| event.key().0 <= until)
        {
            let ((at, _), event) = event.remove_entry();
            self.now = at;
            self.happen(event);
        }
        self.now = until;
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Learn(process, fact) => {
                if self.processes[process].is_up {
                    self.learn(process, fact);
                }
            }
            Event::Wake(process) => {
                if self.processes[process].is_up && self.processes[process].wakes_at == self.now {
                    self.processes[process].wakes_at = u64::MAX;
                    self.processes[process]
                        .advisor
                        .handle_timeout(moment(self.now));
                    self.follow(process);
                }
            }
            Event::Claim(process, shard) => self.claim(process, shard),
            Event::Claimed(process, shard, revision) => self.claimed(process, shard, revision),
            Event::Freed(process, shard) => self.freed(process, shard),
        }
    }

    /// A process takes a fact in, and does what follows.
    fn learn(&mut self, process: usize, fact: Fact) {
        let shard = match &fact {
            Fact::Shard(shard, ..) => Some(*shard),
            Fact::Began(..) | Fact::Ended(_) => None,
        };
        self.processes[process].learn(self.now, fact);
        self.follow(process);
        // What the protocol wants already it claims once it can.
        let claimable =
            shard.map_or_else(|| self.processes[process].claimable(), |shard| vec![shard]);
        for shard in claimable {
            self.act(process, shard);
        }
    }

    /// Does what the advice of a process says, and wakes it in time.
    fn follow(&mut self, process: usize) {
        for shard in self.processes[process].take_advice() {
            self.act(process, shard);
        }
        let p = &mut self.processes[process];
        let wakes_at = p
            .advisor
            .poll_timeout()
            .map_or(u64::MAX, |at| at.as_nanos().div_ceil(1_000_000));
        if wakes_at != p.wakes_at && wakes_at != u64::MAX {
            p.wakes_at = wakes_at.max(self.now);
            let at = p.wakes_at;
            self.schedule(at, Event::Wake(process));
        }
    }

    fn act(&mut self, process: usize, shard: u32) {
        let p = &mut self.processes[process];
        match p.wants.get(&shard) {
            Some(Want::Have) if p.may_claim(shard) && p.claiming.insert(shard) => {
                let from = p.sits_out.get(&shard).map_or(0, |(_, until)| *until);
                let at = from.max(self.now) + self.rng.u64(0..5);
                self.schedule(at, Event::Claim(process, shard));
            }
            Some(Want::Give { .. }) if p.holds(shard) && !p.shut.contains(&shard) => {
                self.shut(process, shard);
            }
            _ => {}
        }
    }

    fn shut(&mut self, process: usize, shard: u32) {
        let drained_at = self.now + self.rng.u64(0..DRAIN);
        let p = &mut self.processes[process];
        p.shut.insert(shard);
        if !p.is_leaving {
            self.most_given = self.most_given.max(p.shut.len());
        }
        p.tell_shard(self.now, shard);
        self.schedule(drained_at, Event::Freed(process, shard));
        self.follow(process);
    }

    fn claim(&mut self, process: usize, shard: u32) {
        let p = &mut self.processes[process];
        let is_wanted = p.wants.get(&shard) == Some(&Want::Have);
        p.claiming.remove(&shard);
        if p.is_up && is_wanted && p.may_claim(shard) {
            p.claiming.insert(shard);
            let at = self.now + self.rng.u64(1..=DELAY);
            let revision = p.view[shard as usize].revision;
            self.schedule(at, Event::Claimed(process, shard, revision));
        }
    }

    fn claimed(&mut self, process: usize, shard: u32, expected: u64) {
        let session = self.processes[process].session;
        self.processes[process].claiming.remove(&shard);
        if self.table[shard as usize].0 != expected || !self.live.contains_key(&session) {
            self.refused += 1;
            return;
        }
        let id = self.processes[process].id.clone();
        let (last, free_since) = &mut self.last[shard as usize];
        if last.as_ref().is_some_and(|last| *last != id) {
            self.moves[shard as usize] += 1;
        }
        let gap = free_since.map_or(0, |since| self.now - since);
        self.longest_gap = self.longest_gap.max(gap);
        (*last, *free_since) = (Some(id.clone()), None);
        let fails = self.fails.contains(&(id.to_string(), shard));
        self.write(shard, Content::Held(session, id));
        if fails {
            self.fail_warm_up(process, shard);
        }
    }

    /// The warm-up of a shard fails: the node sits out as the protocol does.
    fn fail_warm_up(&mut self, process: usize, shard: u32) {
        // The response of the claim comes before the watch shows it.
        let (revision, content) = self.table[shard as usize].clone();
        self.learn(process, Fact::Shard(shard, revision, content));
        let p = &mut self.processes[process];
        let (rounds, until) = p.sits_out.entry(shard).or_default();
        *rounds += 1;
        *until = self.now + ((lease_ms() / 2) << (*rounds).min(4));
        self.shut(process, shard);
    }

    fn freed(&mut self, process: usize, shard: u32) {
        let p = &self.processes[process];
        let session = p.session;
        let wanted = match p.wants.get(&shard) {
            Some(Want::Give { to }) => to.clone(),
            _ => None,
        };
        let is_holder =
            matches!(self.table[shard as usize].1, Content::Held(by, _) if by == session);
        if p.is_up && is_holder {
            self.last[shard as usize].1 = Some(self.now);
            self.write(shard, Content::Free(wanted));
            self.end_if_left(process);
        }
    }

    fn write(&mut self, shard: u32, content: Content) {
        let (revision, current) = &mut self.table[shard as usize];
        *revision += 1;
        *current = content.clone();
        let fact = Fact::Shard(shard, *revision, content);
        self.publish(fact);
    }

    /// Each process sees it after a delay of its own, and in order.
    fn publish(&mut self, fact: Fact) {
        for process in 0..self.processes.len() {
            let at = self.now + self.rng.u64(1..=DELAY);
            let at = at.max(self.processes[process].last_at);
            self.processes[process].last_at = at;
            self.schedule(at, Event::Learn(process, fact.clone()));
        }
    }

    fn schedule(&mut self, at: u64, event: Event) {
        self.scheduled += 1;
        self.events.insert((at, self.scheduled), event);
    }

    /// Whether nothing more will happen.
    pub(super) fn is_quiet(&self) -> bool {
        self.events.is_empty()
    }

    /// The shards that no live process serves.
    pub(super) fn unserved(&self) -> usize {
        let is_served = |content: &Content| matches!(content, Content::Held(by, _) if self.processes[*by].is_up);
        self.table
            .iter()
            .filter(|(_, content)| !is_served(content))
            .count()
    }

    pub(super) fn held_by(&self, name: &str) -> usize {
        let is_held =
            |content: &Content| matches!(content, Content::Held(_, node) if node.as_str() == name);
        self.table
            .iter()
            .filter(|(_, content)| is_held(content))
            .count()
    }

    pub(super) fn holder(&self, shard: u32) -> Option<&str> {
        match &self.table[shard as usize].1 {
            Content::Held(_, node) => Some(node.as_str()),
            Content::Free(_) => None,
        }
    }

    pub(super) fn live(&self) -> impl Iterator<Item = (usize, &LiveNode)> {
        self.live.iter().map(|(session, live)| (*session, live))
    }

    pub(super) fn all_moves(&self) -> u32 {
        self.moves.iter().sum()
    }
}

pub(super) fn lease_ms() -> u64 {
    u64::try_from(LEASE.as_millis()).unwrap()
}

fn moment(ms: u64) -> Moment {
    Moment::from_nanos(ms * 1_000_000)
}
