//! What must hold once the faults have stopped.

use super::{
    super::super::*,
    process::{SHARDS, node_id},
    world::World,
};

impl World {
    /// No more faults: one process for each node, and one placement.
    pub(super) fn calm_down(&mut self) {
        self.is_calm = true;
        let now = self.now;
        for node in 0..self.nodes {
            let of_node = |p: &usize| self.processes[*p].is_up && self.processes[*p].node == node;
            let mut running: Vec<usize> = (0..self.processes.len()).filter(of_node).collect();
            let kept = running.pop();
            for process in running {
                self.processes[process].is_up = false;
            }
            match kept {
                Some(process) if self.processes[process].left_at.is_none() => {
                    self.processes[process].resumes_at = now;
                }
                Some(process) => {
                    self.processes[process].is_up = false;
                    self.start(node);
                }
                None => self.start(node),
            }
        }
        for p in &mut self.processes {
            for watch in p.watches.values_mut() {
                watch.stalled_until = 0;
            }
        }
        for shard in 0..SHARDS {
            self.targets[shard as usize] = shard as usize % self.nodes;
            for process in 0..self.processes.len() {
                if self.processes[process].is_up {
                    self.advise_soon(process, shard);
                }
            }
        }
        self.checks.renewals.clear();
    }

    /// Every shard is open exactly once, on the node that the placement names, and the records say so.
    pub(super) fn check_end(&mut self) {
        let now = self.now;
        for shard in 0..SHARDS {
            let target = self.targets[shard as usize];
            let open = self.processes.iter().filter(|p| p.is_open(now, shard));
            let open: Vec<_> = open.map(|p| (p.node, p.session)).collect();
            let owner = self.store.owner(shard);
            let is_held = match &owner {
                Some(Ownership::Held(held)) => {
                    open == [(target, Some(held.session))] && held.node == node_id(target)
                }
                // Removed without a marker: no other node can claim it without a mark that the owner sees.
                None => self.removes && open.len() == 1 && open[0].0 == target,
                Some(_) => false,
            };
            if !is_held {
                self.violate(format!(
                    "calm: shard {shard} is open in {open:?} and not in {target}: {owner:?}"
                ));
            }
        }
        // With a jitter of 10 %, and what was on its way.
        let most = 9 * 10 / 3 + 3 + 2;
        let busiest = self.checks.renewals.values().max().copied();
        if busiest.is_none_or(|renewals| renewals > most) {
            self.violate(format!("calm: {busiest:?} renewals in 9 leases"));
        }
    }
}
