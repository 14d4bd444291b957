//! The end of every run, without further faults. Every shard must open on the node that is to have it, and from then on
//! there must be nothing but renewals: no shard moves. At last every node leaves.

use noleader::shards::protocol::Key;

use super::{
    fact::Fact,
    settings::Placement,
    world::{Event, Order, World},
};
use crate::{clock::MILLISECOND, journal::nanos};

/// In leases: until every shard must be open, and for how long the renewals are then counted.
fn spans(placement: Placement) -> (u64, u64) {
    match placement {
        Placement::Table => (8, 4),
        // Up to 3 until the last session has begun or ended, and 2 more until its node is given shards. A node sits out for
        // up to 8 after failed warm-ups, and a shard that another one has borrowed meanwhile comes back up to 4 after that.
        Placement::Library { .. } => (18, 12),
    }
}

/// A message without a fault.
const SOON: u64 = 2 * MILLISECOND;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Begin,
    /// Every shard is open where it is to be.
    Placed,
    /// There were only renewals.
    Quiet,
    /// Every node has left.
    Left,
}

impl World {
    pub(super) fn calm(&mut self, step: Step) {
        match step {
            Step::Begin if !self.settings.plan.is_inside() => self.is_over = true,
            Step::Begin => self.begin_calm(),
            Step::Placed => {
                self.check_placed();
                for node in 0..self.nodes.len() {
                    let now = self.local(node);
                    self.fact(node, &Fact::Settled { now });
                }
                let (_, counted) = spans(self.settings.placement);
                let delay = counted * self.settings.lease();
                self.after(delay, Event::Calm(Step::Quiet));
            }
            Step::Quiet => self.end_quiet(),
            Step::Left => self.check_left(),
        }
    }

    /// No more faults: one process for each node, and one placement.
    fn begin_calm(&mut self) {
        self.say_of_all(|| "from now on nothing goes wrong".to_owned());
        self.is_calm = true;
        if self.settings.plan.has_removals() {
            let value = self.config(self.settings.shards);
            self.configure(value);
        }
        self.hurry();
        let mut members = Vec::new();
        for node in 0..self.settings.ids {
            let of_id = |other: &usize| self.nodes[*other].id == self.nodes[node].id;
            let all: Vec<usize> = (0..self.nodes.len()).filter(of_id).collect();
            let running = |n: &usize| self.nodes[*n].is_up() && !self.nodes[*n].process.is_leaving;
            let kept = all.iter().copied().rfind(running);
            for other in all {
                if Some(other) != kept {
                    self.orders.push(Order::Die { node: other });
                }
            }
            let is_last = node + 1 == self.settings.ids && members.is_empty();
            match kept {
                Some(kept) => members.push(kept),
                // It has left for good.
                None if !is_last && self.choices.one_in(4) => {}
                None => {
                    self.orders.push(Order::Start { node });
                    members.push(node);
                }
            }
        }
        for shard in 0..self.settings.shards {
            self.targets[shard as usize] = members[shard as usize % members.len()];
            for node in &members {
                let delay = self.choices.u64(0..SOON);
                self.after(delay, Event::Advise { node: *node, shard });
            }
        }
        let (placed, _) = spans(self.settings.placement);
        let delay = placed * self.settings.lease();
        self.after(delay, Event::Calm(Step::Placed));
    }

    /// What is under way arrives soon, and what is paused goes on.
    fn hurry(&mut self) {
        let now = self.now;
        let choices = &mut self.choices;
        self.queue.hurry(|at, event| match event {
            Event::Timer { .. } | Event::Calm(_) => Some(at),
            Event::Trouble | Event::Start { .. } | Event::Request { .. } => None,
            _ => Some(now + choices.u64(0..SOON)),
        });
        for watch in self.bucket.watches.values_mut() {
            watch.last_at = watch.last_at.min(now + SOON);
        }
        for n in &mut self.nodes {
            n.paused_until = n.paused_until.min(now);
            n.stalled_until = n.stalled_until.min(now);
        }
    }

    fn end_quiet(&mut self) {
        self.check_placed();
        for node in 0..self.nodes.len() {
            let now = self.local(node);
            self.fact(node, &Fact::Unsettled { now });
            if self.nodes[node].is_up() {
                self.orders.push(Order::Shutdown { node });
            }
        }
        let timing = self.settings.timing();
        let delay = nanos(timing.drain_timeout + timing.request_timeout * 4);
        self.after(delay, Event::Calm(Step::Left));
    }

    fn check_left(&mut self) {
        for node in 0..self.nodes.len() {
            let key = Key::Session(self.nodes[node].id.clone());
            if self.nodes[node].is_up() || self.bucket.session(&key).is_some() {
                self.violate("liveness", format!("node {node} has not left"));
            }
        }
        let keys: Vec<_> = self
            .bucket
            .keys()
            .filter(|key| Key::parse(key).is_none())
            .collect();
        if !keys.is_empty() {
            let what = format!("the nodes wrote {keys:?}");
            self.violate("liveness", what);
        }
    }
}
