//! Requests for a shard: each is admitted or refused, and stays inside for a while.

use noleader::ShardId;

use super::{
    fact::Fact,
    process::Inside,
    world::{Event, World},
};
use crate::{
    host::{Host, Shared},
    journal::nanos,
};

pub(super) fn arrive(shared: &Shared<World>, node: usize, shard: u32) {
    let mut world = shared.lock();
    let n = &world.nodes[node];
    let Some(handle) = n.process.handle.clone() else {
        return;
    };
    if n.paused_until > world.now {
        let at = n.paused_until;
        world.queue.push(at, Event::Request { node, shard });
        return;
    }
    n.sync(world.now);
    let session = n.process.session;
    drop(world);
    let host = Host::new(shared.clone(), node, session);
    let admitted = handle.admit(ShardId::new(shard));
    drop(handle);
    let token = admitted
        .as_ref()
        .ok()
        .map(|admission| admission.term().token().into());
    let stays = host.with(|world| world.answered(node, shard, token));
    if let (Ok(admission), Some(token)) = (admitted, token) {
        let inside = Inside::begin(&host, (shard, token));
        let sleep = host.sleep(stays.unwrap_or_default());
        host.task("request", async move {
            sleep.await;
            drop(admission);
            drop(inside);
        });
    }
}

impl World {
    /// Notes the answer, and chooses how long an admitted request stays.
    fn answered(&mut self, node: usize, shard: u32, token: Option<u64>) -> u64 {
        let now = self.local(node);
        let process = &mut self.nodes[node].process;
        let is_open = process.is_open(shard, now) && !process.has_died;
        let is_past = process.held.is_some_and(|(_, deadline)| now >= deadline);
        match token {
            Some(token) => {
                let is_open = is_open && process.gates.get(&shard) == Some(&token);
                self.tally.admitted += 1;
                let admitted = Fact::Admitted {
                    shard,
                    token,
                    is_open,
                };
                self.fact(node, &admitted);
            }
            None if is_open => {
                let what =
                    format!("node {node} refuses a request for shard {shard}, which is open");
                self.violate("admissions", what);
            }
            None => process.was_found_shut |= is_past && process.gates.contains_key(&shard),
        }
        let drain = nanos(self.settings.timing().drain_timeout);
        match self.choices.below(4) {
            0 => self.choices.u64(0..=drain * 3 / 2),
            _ => self.choices.u64(0..self.settings.lease() / 50),
        }
    }

    /// Requests for some shards, mostly for those that are open on the node.
    pub(super) fn ask_soon(&mut self) {
        let Some(node) = self.any_up() else {
            return;
        };
        let open: Vec<u32> = self.nodes[node].process.gates.keys().copied().collect();
        let shard = match open.len() {
            0 => 0,
            n => open[self.choices.usize(0..n)],
        };
        let lease = self.settings.lease();
        let delay = match self.choices.below(3) {
            // Around the deadline.
            0 => self.until_deadline(node),
            _ => self.choices.u64(0..lease / 2),
        };
        self.after(delay, Event::Request { node, shard });
    }

    fn until_deadline(&self, node: usize) -> u64 {
        let n = &self.nodes[node];
        let deadline = n.process.held.map(|(_, deadline)| n.clock.real(deadline));
        deadline.map_or(0, |at| at.saturating_sub(self.now))
    }
}
