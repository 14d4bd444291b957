//! Where the shards are once the faults have stopped: each is open exactly once, its record says so, every node knows
//! it, and no node has more or less than its part.

use noleader::{LeaderInfo, ShardId, shards::protocol::Ownership};

use super::{settings::Placement, world::World};

impl World {
    pub(super) fn check_placed(&mut self) {
        let owners = (0..self.settings.shards).map(|shard| self.owner(shard));
        let fair = owners.collect::<Result<Vec<usize>, String>>();
        let fair = fair.and_then(|owners| match self.settings.placement {
            Placement::Table => self.is_as_planned(&owners),
            Placement::Library { .. } => self.is_fair(&owners),
        });
        if let Err(what) = fair {
            self.violate("placed", what);
        }
    }

    /// The only node on which the shard is open.
    fn owner(&self, shard: u32) -> Result<usize, String> {
        let id = ShardId::new(shard);
        let mut open = Vec::new();
        for (node, handle) in self.running()? {
            let n = &self.nodes[node];
            n.sync(self.now);
            let is_open = n.process.is_open(shard, self.local(node));
            if handle.is_leader(id) != is_open {
                return Err(format!(
                    "the gate of shard {shard} on node {node} is open: {is_open}, and its handle differs"
                ));
            }
            open.extend(is_open.then_some(node));
        }
        let [owner] = open[..] else {
            return Err(format!("shard {shard} is open on the nodes {open:?}"));
        };
        let held = self.nodes[owner].process.held.map(|(session, _)| session);
        match self.bucket.owner(shard) {
            Some(Ownership::Held(record)) if Some(record.session) == held => {}
            // Removed without a marker: no other node can claim it without a mark that the owner sees. Nodes that have
            // started since do not know the owner.
            None if self.settings.plan.has_removals() => return Ok(owner),
            other => {
                return Err(format!(
                    "shard {shard} is open on node {owner}, and its record is {other:?}"
                ));
            }
        }
        for (node, handle) in self.running()? {
            let known = handle.owner(id);
            let known = known.as_ref().map(LeaderInfo::id);
            if known != Some(self.nodes[owner].id.as_str()) {
                return Err(format!(
                    "node {node} takes {known:?} for the owner of shard {shard}"
                ));
            }
        }
        Ok(owner)
    }

    fn running(&self) -> Result<Vec<(usize, &noleader::Shards)>, String> {
        let up = self.nodes.iter().enumerate().filter(|(_, n)| n.is_up());
        up.map(|(node, n)| match &n.process.handle {
            Some(handle) => Ok((node, handle)),
            None => Err(format!("node {node} has not started")),
        })
        .collect()
    }

    fn is_as_planned(&self, owners: &[usize]) -> Result<(), String> {
        match (0..)
            .zip(owners)
            .find(|(shard, owner)| self.targets[*shard] != **owner)
        {
            None => Ok(()),
            Some((shard, owner)) => Err(format!(
                "shard {shard} is to be on node {}, and is on node {owner}",
                self.targets[shard]
            )),
        }
    }

    /// Each node has its part by weight, rounded down or up.
    fn is_fair(&self, owners: &[usize]) -> Result<(), String> {
        let running = self.running()?;
        let weight = |node: usize| u64::from(self.nodes[node].process.weight);
        let total: u64 = running.iter().map(|(node, _)| weight(*node)).sum();
        for (node, _) in running {
            let owned = owners.iter().filter(|owner| **owner == node).count() as u64;
            let part = owners.len() as u64 * weight(node);
            if owned * total >= part + total || part >= (owned + 1) * total {
                return Err(format!(
                    "node {node} has {owned} of {} shards, and the weight {} of {total}",
                    owners.len(),
                    weight(node)
                ));
            }
        }
        Ok(())
    }
}
