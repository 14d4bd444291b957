//! The server's own expiry: early if all leases are equal, and at any time once no candidate holds the record.

use noleader::lease::Record;

use crate::{
    plan::Plan,
    world::{Event, World},
};

impl World {
    /// Plans the removal of some records. With unequal leases, a record stays until its lease has passed in real time:
    /// its holder's term has then ended on every clock within the bound.
    pub(crate) fn plan_expiry(&mut self, revision: u64) {
        let plan = self.settings.plan;
        let has_expiry = plan.has_removals() || plan == Plan::UnequalLeases;
        if !has_expiry || self.is_calm || self.settings.trusts_absent_key() {
            return;
        }
        // With unequal leases, most records are renewed before their removal.
        let one_in = if plan.has_removals() { 10 } else { 3 };
        if !self.choices.one_in(one_in) {
            return;
        }
        let last = &self.server.last().seen;
        let bytes = last.value().unwrap_or_default();
        let Ok(record) = Record::decode(revision, bytes) else {
            return;
        };
        let lease = u64::try_from(record.lease().as_nanos()).unwrap_or(u64::MAX);
        let delay = match plan.has_removals() {
            true => self.choices.u64(0..lease / 2),
            false => lease + self.choices.u64(0..lease / 4),
        };
        self.after(delay, Event::Expire { revision });
    }

    pub(crate) fn expire(&mut self, revision: u64) {
        if self.server.last().seen.revision() != revision || !self.may_be_forgotten() {
            return;
        }
        let valid = self.nodes.iter().any(|n| {
            let until = n.process.known.deadline;
            n.process.session != 0 && until.is_some_and(|until| n.clock.local(self.now) < until)
        });
        match self.settings.plan.has_removals() {
            true => self.tally.early_expiries += u64::from(valid),
            false => self.tally.late_expiries += 1,
        }
        match self.choices.bool() {
            true => self.remove(),
            false => self.overwrite("an expiry's marker", None),
        }
    }
}
