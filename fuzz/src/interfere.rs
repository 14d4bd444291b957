//! What others do to the key and to its server, as far as the plan allows.

use crate::{
    lease::Record,
    node::LEASE,
    script::{Foreign, Plan},
    world::World,
};

/// By then, in real microseconds, no holder is valid any more that has not written since: twice the longest
/// lease.
const EXPIRY: u64 = 3 * LEASE.as_micros() as u64;

impl World {
    pub(crate) fn interfere(&mut self, foreign: Foreign) {
        let somebody = || Record::acquiring("somebody", "else", None, LEASE, 0);
        let value = match (self.plan, foreign) {
            (Plan::UnequalLeases, _) if !self.may_expire() => return,
            (_, Foreign::Remove) => return self.register.remove(self.now),
            (_, Foreign::Delete) => None,
            (Plan::UnequalLeases, _) => return,
            (_, Foreign::Garbage) => Some(b"garbage".to_vec()),
            // After a loss it would hide what a candidate that saw the last token has to tell.
            (Plan::LostStream, Foreign::Held) => return,
            (_, Foreign::Held) => Some(somebody().encode()),
            (Plan::Lawless, Foreign::Bytes(bytes)) => Some(bytes),
            (Plan::Lawless, Foreign::Release) => Some(somebody().released(0).encode()),
            (Plan::Lawless, Foreign::LoseData) => return self.register.lose_data(self.now),
            (Plan::NewBucket | Plan::LostStream, Foreign::LoseData) => return self.lose_stream(),
            (_, Foreign::Bytes(_) | Foreign::Release | Foreign::LoseData) => return,
        };
        self.register.put(self.now, value, None);
        self.push();
    }

    /// The server's own expiry comes late, and nobody trusts what it leaves behind.
    fn may_expire(&self) -> bool {
        let trusted = self.nodes.iter().any(|node| node.me.trust_absent_key);
        !trusted && self.now - self.register.changed_at() > EXPIRY
    }

    /// What was on its way to the old stream never arrives.
    fn lose_stream(&mut self) {
        if self.register.epoch > 0 {
            return;
        }
        self.register.lose_data(self.now);
        self.lose_writes();
        self.nodes.iter_mut().for_each(|node| node.is_deaf = true);
        if self.is_smooth() {
            self.flush();
        }
    }

    /// Nothing goes wrong any more, other than that people interfere.
    pub(crate) fn is_smooth(&self) -> bool {
        self.plan == Plan::LostStream && self.register.epoch > 0
    }

    /// Where the stream may get lost, the last token has to be known to a process that lives on.
    pub(crate) fn may_die(&self, node: usize) -> bool {
        let top_token = self.grants.top_token;
        let mut others = self.nodes.iter().enumerate();
        self.plan != Plan::LostStream
            || self.nodes[node].is_stopped()
            || others.any(|(other, n)| other != node && n.stays() && n.machine.floor() >= top_token)
    }
}
