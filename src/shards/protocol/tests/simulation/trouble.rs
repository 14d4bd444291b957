//! Faults.

use super::{
    super::super::*,
    process::{LEASE, MS, SHARDS, node_id},
    world::{Event, World},
};

impl World {
    pub(super) fn make_trouble(&mut self) {
        if self.is_calm {
            return;
        }
        let next = self.now + self.rng.u64(20 * MS..LEASE / 3);
        self.schedule(next, Event::Trouble);
        let up = |p: &usize| self.processes[*p].is_up;
        let up: Vec<usize> = (0..self.processes.len()).filter(up).collect();
        let Some(process) = self.rng.choice(&up).copied() else {
            return;
        };
        match self.rng.u8(0..20) {
            0 => self.crash(process),
            1 => self.feed(process, Input::Leave),
            2..5 => {
                let pause = self.rng.u64(0..LEASE * 3 / 2);
                let p = &mut self.processes[process];
                p.resumes_at = p.resumes_at.max(self.now + pause);
            }
            5..7 if self.removes => self.remove(),
            7 if self.removes => self.usurp(process),
            8..10 if self.stalls => self.stall(process),
            10 if self.stalls && self.removes => self.remove_unseen(process),
            11 if self.twins => {
                let node = self.processes[process].node;
                if up
                    .iter()
                    .filter(|p| self.processes[**p].node == node)
                    .count()
                    < 2
                {
                    self.start(node);
                }
            }
            12 => self.restart_missing(),
            _ => self.shift(),
        }
        if self.rng.u8(0..4) == 0 {
            self.restart_missing();
        }
    }

    pub(super) fn crash(&mut self, process: usize) {
        self.processes[process].is_up = false;
        let node = self.processes[process].node;
        let soon = self.rng.u64(0..LEASE * 2);
        let at = self.now + self.rng.choice([MS, soon]).unwrap_or(MS);
        self.schedule(at, Event::Restart(node));
    }

    fn restart_missing(&mut self) {
        for node in 0..self.nodes {
            if !self.processes.iter().any(|p| p.is_up && p.node == node) {
                self.start(node);
            }
        }
    }

    /// Somebody deletes, purges or overwrites a record.
    fn remove(&mut self) {
        let key = match self.rng.u8(0..3) {
            0 => Key::Session(node_id(self.rng.usize(..self.nodes))),
            _ => Key::Shard(self.rng.u32(..SHARDS)),
        };
        let now = self.now;
        match self.rng.u8(0..4) {
            0 => self.store.put(now, &key, Some(b"hello".to_vec())),
            1 => self.store.put(now, &key, None),
            _ => return self.store.purge(now, &key),
        }
        self.publish(&key);
    }

    /// While a process is paused, its session is removed, its shards are wanted elsewhere, and others start.
    fn usurp(&mut self, process: usize) {
        let pause = self.rng.u64(LEASE / 4..LEASE * 5 / 4);
        let now = self.now;
        let p = &mut self.processes[process];
        p.resumes_at = p.resumes_at.max(now + pause);
        let node = p.node;
        let others: Vec<usize> = (0..self.nodes).filter(|n| *n != node).collect();
        let heir = self.rng.choice(&others).copied().unwrap_or(node);
        let twin = self.twins && self.rng.bool();
        if !twin && self.rng.bool() {
            for other in 0..self.processes.len() {
                self.processes[other].is_up &= self.processes[other].node != heir;
            }
            self.start(heir);
        }
        for shard in 0..SHARDS {
            if self.processes[process].gates.contains_key(&shard) {
                self.targets[shard as usize] = if twin { node } else { heir };
                for other in 0..self.processes.len() {
                    self.advise_soon(other, shard);
                }
            }
        }
        let key = Key::Session(node_id(node));
        match self.rng.u8(0..6) {
            0 => self.store.put(now, &key, Some(b"hello".to_vec())),
            1 => self.store.put(now, &key, None),
            _ => self.store.purge(now, &key),
        }
        if self.store.keys.contains_key(&key) {
            self.publish(&key);
        }
        if twin {
            self.start(node);
        }
    }

    /// A record of an owner is removed while its watches stall, and another node wants the shard.
    fn remove_unseen(&mut self, process: usize) {
        let now = self.now;
        let until = now + self.rng.u64(LEASE..LEASE * 5 / 2);
        let p = &mut self.processes[process];
        let Some(shard) = p.gates.keys().next().copied() else {
            return;
        };
        for watch in p.watches.values_mut() {
            watch.stalled_until = until;
        }
        let node = p.node;
        let others: Vec<usize> = (0..self.nodes).filter(|n| *n != node).collect();
        let heir = self.rng.choice(&others).copied().unwrap_or(node);
        self.targets[shard as usize] = heir;
        for other in 0..self.processes.len() {
            if self.processes[other].node == heir {
                self.advise_soon(other, shard);
            }
        }
        self.store.put(now, &Key::Shard(shard), None);
        self.publish(&Key::Shard(shard));
    }

    fn stall(&mut self, process: usize) {
        let until = self.now + self.rng.u64(0..LEASE * 2);
        let is_end = self.rng.u8(0..3) == 0;
        let p = &mut self.processes[process];
        let Some((&watch, kept)) = p.watches.iter_mut().next_back() else {
            return;
        };
        if is_end {
            p.watches.remove(&watch);
            let at = self.now + MS;
            self.schedule(at, Event::Input(process, Input::WatchEnded { watch }));
        } else {
            kept.stalled_until = until;
        }
    }

    /// The placement moves a shard. The nodes learn of it at different times, or never.
    fn shift(&mut self) {
        let shard = self.rng.u32(..SHARDS);
        self.targets[shard as usize] = self.rng.usize(..self.nodes);
        for process in 0..self.processes.len() {
            if self.processes[process].is_up && self.rng.u8(0..6) > 0 {
                self.advise_soon(process, shard);
            }
        }
    }
}
