//! Faults at random times.

use noleader::shards::protocol::Key;

use super::{
    settings::Plan,
    world::{Event, Order, World},
};
use crate::clock::MILLISECOND;

impl World {
    pub(super) fn trouble(&mut self) {
        if self.is_calm {
            return;
        }
        let lease = self.settings.lease();
        let delay = self.choices.u64(lease / 50..lease / 3);
        self.after(delay, Event::Trouble);
        for _ in 0..3 {
            self.ask_soon();
        }
        let Some(node) = self.any_up() else {
            return self.revive();
        };
        let span = self.choices.u64(lease / 20..lease * 2);
        match self.choices.below(36) {
            0..3 => self.pause(node, span),
            3 => self.stall_task(node, span),
            4 | 5 => self.cut(node, span),
            6 => self.kill(node),
            7 => self.orders.push(Order::Shutdown { node }),
            8 | 9 => self.revive(),
            10 => self.outage(span / 3),
            11..14 => self.stall_watches(node, span),
            14 => self.break_watches(node),
            15..18 => self.touch(),
            18 | 19 => self.usurp(node, span),
            20 => self.touch_unseen(node, span),
            21 => self.touch_config(),
            22 | 23 => self.start_twin(node),
            24 => self.change_rate(node),
            25 => self.orders.push(Order::EndRuntime { node }),
            26 => self.lose(),
            27 => self.fall_silent(node, span),
            _ => self.move_one(),
        }
    }

    fn cut(&mut self, node: usize, span: u64) {
        self.say(node, || format!("is cut off for {} ms", span / MILLISECOND));
        self.nodes[node].cut_until = self.now + span;
    }

    /// The clock runs at another rate from now on, within the bound. In real time, its timers and the deadline move.
    fn change_rate(&mut self, node: usize) {
        let wall = self.settings.wall_clock(&mut self.choices);
        let ppm = self.settings.clock_rate(&mut self.choices);
        self.say(node, || format!("its clock runs {ppm} ppm fast"));
        let n = &mut self.nodes[node];
        n.wall = wall.or(n.wall);
        n.sync(self.now);
        n.clock.change_rate(self.now, ppm);
        if let Some((_, deadline)) = n.process.held.filter(|_| !n.process.was_found_shut) {
            let until = n.clock.real(deadline);
            self.fact(node, &super::fact::Fact::Retimed { until });
        }
        self.plan_timer(node);
    }

    fn kill(&mut self, node: usize) {
        let lease = self.settings.lease();
        self.orders.push(Order::Die { node });
        let delay = match self.choices.below(3) {
            0 => MILLISECOND,
            1 => self.choices.u64(0..2 * lease),
            _ => return,
        };
        self.after(delay, Event::Start { node });
    }

    /// Starts a process on a node whose last process has died or stopped.
    fn revive(&mut self) {
        let gone = (0..self.settings.ids).find(|node| !self.nodes[*node].is_up());
        if let Some(node) = gone {
            self.orders.push(Order::Start { node });
        }
    }

    fn outage(&mut self, span: u64) {
        self.say_of_all(|| format!("the store is down for {} ms", span / MILLISECOND));
        self.bucket.down_until = self.now + span;
    }

    /// Nothing that the watches of the node deliver arrives for a while. A watch that is opened meanwhile works.
    pub(super) fn stall_watches(&mut self, node: usize, span: u64) {
        self.say(node, || {
            format!("its watches stall for {} ms", span / MILLISECOND)
        });
        let until = self.now + span;
        for watch in self.bucket.watches.values_mut() {
            if watch.node == node {
                watch.stalled_until = watch.stalled_until.max(until);
            }
        }
    }

    fn break_watches(&mut self, node: usize) {
        let of_node = self.bucket.watches.iter().filter(|(_, w)| w.node == node);
        let broken: Vec<u64> = of_node.map(|(watch, _)| *watch).collect();
        for watch in broken {
            self.bucket.break_watch(watch);
        }
    }

    /// The session of a node runs out while its claims are under way: its watches stall, so that no renewal counts, and
    /// it is to have every shard.
    fn fall_silent(&mut self, node: usize, span: u64) {
        let lease = self.settings.lease();
        self.stall_watches(node, span);
        for shard in 0..self.settings.shards {
            self.targets[shard as usize] = node;
            for other in 0..self.nodes.len() {
                let delay = self.choices.u64(0..lease);
                self.after(delay, Event::Advise { node: other, shard });
            }
        }
    }

    /// A second process of one id, or a third.
    fn start_twin(&mut self, node: usize) {
        if self.settings.has_twins {
            let is_twin =
                |other: &usize| *other != node && self.nodes[*other].id == self.nodes[node].id;
            let twin = (0..self.nodes.len()).find(|other| is_twin(other));
            if let Some(node) = twin {
                self.start_if_down(node);
            }
        }
    }

    fn move_one(&mut self) {
        let shard = self.any_shard();
        let target = self.choices.usize(0..self.settings.ids);
        self.shift(shard, target);
    }

    pub(super) fn any_shard(&mut self) -> u32 {
        let last = u64::from(self.settings.shards - 1);
        u32::try_from(self.choices.u64(0..=last)).unwrap_or(0)
    }

    fn lose(&mut self) {
        match self.settings.plan {
            Plan::NewBucket => self.recreate(),
            Plan::RolledBack => self.roll_back(),
            _ => {}
        }
    }

    /// The store forgets writes that it acknowledged. A process that knows nothing of them starts at the same
    /// time, and is to have every shard.
    fn roll_back(&mut self) {
        let changes = match self.choices.below(8) {
            // A backup.
            0 => self.choices.usize(1..400),
            _ => self.choices.usize(1..30),
        };
        self.bucket.roll_back(changes);
        self.say_of_all(|| format!("the store has lost its last {changes} writes"));
        self.tally.lost += 1;
        let is_free = |node: &usize| {
            let key = Key::Session(self.nodes[*node].id.clone());
            !self.nodes[*node].is_up() && self.bucket.session(&key).is_none()
        };
        let heir = (0..self.settings.ids).find(is_free);
        if let Some(node) = heir {
            self.targets.fill(node);
            self.orders.push(Order::Start { node });
        }
    }
}
