//! Other clients that remove or overwrite records, and a bucket that is made again.

use noleader::shards::protocol::{Config, Hash, Key};

use super::{
    fact::Fact,
    world::{Event, Order, World},
};
use crate::clock::{MILLISECOND, WALL_START};

impl World {
    /// An operator deletes, purges or overwrites a record.
    pub(super) fn touch(&mut self) {
        if !self.settings.plan.has_removals() {
            return;
        }
        let key = match self.choices.below(3) {
            0 => Key::Session(self.any_id()),
            _ => Key::Shard(self.any_shard()),
        };
        let way = self.choices.below(4);
        self.touch_key(&key, way);
    }

    fn any_id(&mut self) -> noleader::names::NodeId {
        let node = self.choices.usize(0..self.settings.ids);
        self.nodes[node].id.clone()
    }

    /// Overwrites a record with garbage, deletes it with a marker, or removes it without one.
    fn touch_key(&mut self, key: &Key, way: u64) {
        self.tally.touched += 1;
        let text = key.to_string();
        self.say_of_all(|| format!("another client touches {text}"));
        match way {
            0 => _ = self.put(&text, Some(b"garbage".to_vec())),
            1 => _ = self.put(&text, None),
            _ => self.bucket.remove(self.now, &text),
        }
        let seen = self.bucket.get(&text);
        let touched = Fact::Touched {
            key: &text,
            seen: &seen,
        };
        self.fact(0, &touched);
    }

    /// While a process is paused, its session is removed, its shards are wanted elsewhere, and others start.
    pub(super) fn usurp(&mut self, node: usize, span: u64) {
        if !self.settings.plan.has_removals() {
            return;
        }
        self.pause(node, span);
        let twin = self.settings.has_twins && self.choices.bool();
        let heir = match twin {
            true => node,
            false => self.choices.usize(0..self.settings.ids),
        };
        let open: Vec<u32> = self.nodes[node].process.gates.keys().copied().collect();
        for shard in open {
            self.shift(shard, heir.min(self.settings.ids - 1));
        }
        let way = self.choices.below(6);
        let key = Key::Session(self.nodes[node].id.clone());
        self.touch_key(&key, way);
        let others = self.nodes.iter().enumerate();
        let same = others.filter(|(other, n)| *other != node && n.id == self.nodes[node].id);
        let same = same.map(|(other, _)| other).next();
        match same.filter(|_| twin) {
            Some(other) => self.start_if_down(other),
            // It knows nothing of what was.
            None if heir != node && self.choices.bool() => {
                self.orders.push(Order::Start { node: heir });
            }
            None => {}
        }
    }

    /// The record of an owner is removed while its watches stall, and another node wants the shard.
    pub(super) fn touch_unseen(&mut self, node: usize, span: u64) {
        let shard = self.nodes[node].process.gates.keys().next().copied();
        let Some(shard) = shard.filter(|_| self.settings.plan.has_removals()) else {
            return;
        };
        self.stall_watches(node, span + self.settings.lease());
        let heir = self.choices.usize(0..self.settings.ids);
        // The owner is not to give the shard away.
        self.targets[shard as usize] = heir;
        self.after(0, Event::Advise { node: heir, shard });
        let way = self.choices.below(3);
        self.touch_key(&Key::Shard(shard), way);
    }

    /// Another client changes the configuration, and soon puts it back.
    pub(super) fn touch_config(&mut self) {
        if !self.settings.plan.has_removals() {
            return;
        }
        let key = Key::Config.to_string();
        let value = match self.choices.below(3) {
            0 => None,
            1 => Some(b"garbage".to_vec()),
            _ => Some(self.config(self.settings.shards + 1)),
        };
        self.say_of_all(|| "another client changes the configuration".to_owned());
        self.put(&key, value);
        let value = self.config(self.settings.shards);
        let delay = match self.choices.bool() {
            true => self.choices.u64(0..20 * MILLISECOND),
            false => self.choices.u64(0..self.settings.lease()),
        };
        self.after(delay, Event::Configure { value });
    }

    pub(super) fn configure(&mut self, value: Vec<u8>) {
        self.put(&Key::Config.to_string(), Some(value));
    }

    pub(super) fn config(&self, shards: u32) -> Vec<u8> {
        let lease_ms = self.settings.lease() / MILLISECOND;
        let hash = Hash::Xxh64;
        Config {
            shards,
            lease_ms,
            hash,
        }
        .encode()
    }

    /// The bucket is deleted and created again, with the same configuration. Its watches end.
    pub(super) fn recreate(&mut self) {
        self.say_of_all(|| "the bucket is lost and recreated".to_owned());
        self.tally.lost += 1;
        self.bucket.recreate(WALL_START + self.now / MILLISECOND);
        self.fact(0, &Fact::Recreated);
        let watches: Vec<u64> = self.bucket.watches.keys().copied().collect();
        let lease = self.settings.lease();
        for watch in watches {
            self.bucket.end_deliveries(watch);
            let delay = self.choices.u64(0..lease / 2);
            self.after(delay, Event::Break { watch });
        }
        let value = self.config(self.settings.shards);
        let delay = self.choices.u64(0..lease / 4);
        self.after(delay, Event::Configure { value });
    }
}
