//! Actions of other clients on the key and of the server, as far as the plan allows them.

use crate::{
    lease::Record,
    node::LEASE,
    script::{Foreign, Plan},
    world::World,
};

/// A holder that has not written for this long, in real microseconds, is no longer valid: twice the longest lease.
const EXPIRY: u64 = 3 * LEASE.as_micros() as u64;

impl World {
    pub(crate) fn interfere(&mut self, foreign: Foreign) {
        let foreign_record = || Record::acquiring("foreign", "other", None, LEASE, 0);
        let value = match (self.plan, foreign) {
            (Plan::UnequalLeases, _) if !self.may_expire() => return,
            (_, Foreign::Remove) => return self.register.remove(self.now),
            (_, Foreign::Delete) => None,
            (Plan::UnequalLeases, _) => return,
            (_, Foreign::Garbage) => Some(b"garbage".to_vec()),
            // After a loss it would overwrite the token that the surviving candidate writes.
            (Plan::LostStream, Foreign::Held) => return,
            (_, Foreign::Held) => Some(foreign_record().encode()),
            (Plan::Lawless, Foreign::Bytes(bytes)) => Some(bytes),
            (Plan::Lawless, Foreign::Release) => Some(foreign_record().released(0).encode()),
            (Plan::Lawless, Foreign::LoseData) => return self.register.lose_data(self.now),
            (Plan::NewBucket | Plan::LostStream, Foreign::LoseData) => return self.lose_stream(),
            (_, Foreign::Bytes(_) | Foreign::Release | Foreign::LoseData) => return,
        };
        self.register.put(self.now, value, None);
        self.push();
    }

    /// The server's own expiry comes late, and only if no candidate trusts an absent key.
    fn may_expire(&self) -> bool {
        let trusted = self.nodes.iter().any(|node| node.me.trust_absent_key);
        !trusted && self.now - self.register.changed_at() > EXPIRY
    }

    /// Loses the stream. Writes in flight never arrive.
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

    /// Whether the faults have stopped; other clients may still interfere.
    pub(crate) fn is_smooth(&self) -> bool {
        self.plan == Plan::LostStream && self.register.epoch > 0
    }

    /// If the stream may be lost, another surviving process must know the last token.
    pub(crate) fn may_die(&self, node: usize) -> bool {
        let top_token = self.grants.top_token;
        let mut others = self.nodes.iter().enumerate();
        self.plan != Plan::LostStream
            || self.nodes[node].is_stopped()
            || others.any(|(other, n)| other != node && n.stays() && n.machine.floor() >= top_token)
    }
}
