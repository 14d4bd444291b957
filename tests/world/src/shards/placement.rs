//! The table of half of the runs, in place of the library's placement: each shard is to be on one node, and the nodes
//! learn of changes at different times. So shards move more often, and views differ by more.

use noleader::shards::protocol::Want;
use tokio::sync::watch;

use super::world::{Event, World};

impl World {
    /// What a process that starts on the node is advised.
    pub(super) fn first_advice(&mut self, node: usize) -> watch::Receiver<Vec<Want>> {
        let wants = (0..self.settings.shards).map(|shard| self.want(node, shard));
        let (sender, receiver) = watch::channel(wants.collect());
        self.nodes[node].process.wants = Some(sender);
        receiver
    }

    fn want(&mut self, node: usize, shard: u32) -> Want {
        let target = self.targets[shard as usize];
        let is_target = self.nodes[node].id == self.nodes[target].id;
        match self.choices.below(16) {
            _ if self.is_calm && is_target => Want::Have,
            // It sees other nodes than the others do.
            0 if !self.is_calm => Want::Have,
            1..4 if !self.is_calm => Want::Nothing,
            _ if is_target => Want::Have,
            _ => Want::Give {
                to: Some(self.nodes[target].id.clone()),
            },
        }
    }

    pub(super) fn advise(&mut self, node: usize, shard: u32) {
        let Some(wants) = self.nodes[node].process.wants.clone() else {
            return;
        };
        let want = self.want(node, shard);
        self.say(node, || format!("is advised of shard {shard}: {want:?}"));
        wants.send_modify(|wants| wants[shard as usize] = want);
    }

    /// Moves a shard. Each node learns of it at another time, or never.
    pub(super) fn shift(&mut self, shard: u32, target: usize) {
        self.targets[shard as usize] = target;
        let lease = self.settings.lease();
        for node in 0..self.nodes.len() {
            let delay = match self.choices.below(6) {
                0 => continue,
                1 => self.choices.u64(0..lease),
                _ => self.choices.u64(0..lease / 100),
            };
            self.after(delay, Event::Advise { node, shard });
        }
    }
}
