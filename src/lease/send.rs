//! The requests that a [`Machine`] sends to the store.

use super::{
    action::Action,
    machine::Machine,
    record::Record,
    request::{Kind, Purpose, Request, Write},
    view::Source,
};
use crate::clock::Moment;

impl Machine {
    pub(super) fn send_read(&mut self, now: Moment) {
        self.reading.get_or_insert(Source::Hint);
        let attempt = self.send(now, Kind::Read);
        self.actions.push_back(Action::Read { attempt });
    }

    pub(super) fn send_vacant(&mut self, now: Moment, expected: u64) {
        let lease = self.me.timing.unknown_lease(self.view.last_lease());
        let record = self.record(self.view.floor()).vacant(lease);
        self.send_write(now, Purpose::Vacate, expected, record);
    }

    /// Its token contains the time, so that it is larger than tokens that the server has lost. Other records contain
    /// only what this candidate knows: two candidates would otherwise replace each other's marks without end.
    pub(super) fn send_acquire(&mut self, now: Moment) {
        let time = self.wall.map_or(0, |wall| wall.as_unix_ms() - 1);
        let record = self.record(self.view.floor().max(time));
        self.send_write(now, Purpose::Acquire, self.view.revision(), record);
    }

    pub(super) fn send_renewal(&mut self, now: Moment) {
        if let Some(leading) = self.state.leading() {
            let record = self.record(self.view.floor());
            let record = record.renewed(leading.token, leading.renewals + 1);
            self.send_write(now, Purpose::Renew, self.view.revision(), record);
        }
    }

    pub(super) fn send_release(&mut self, now: Moment) {
        let floor = self.view.floor();
        let record = self.record(floor).released(floor);
        self.send_write(now, Purpose::Release, self.view.revision(), record);
    }

    fn record(&self, floor: u64) -> Record {
        let me = &self.me;
        Record::acquiring(
            me.id.as_str(),
            &me.session,
            me.address.as_ref(),
            me.timing.lease,
            floor,
        )
        .written_as(self.write_id)
    }

    fn send_write(&mut self, now: Moment, purpose: Purpose, expected: u64, record: Record) {
        self.own_writes.sent(self.write_id);
        let believed = self.view.revision();
        let write = Write {
            purpose,
            expected,
            believed,
            record: record.clone(),
        };
        let attempt = self.send(now, Kind::Write(write));
        self.actions.push_back(Action::Write {
            attempt,
            expected,
            record,
        });
    }

    fn send(&mut self, now: Moment, kind: Kind) -> u64 {
        self.attempts += 1;
        let attempt = self.attempts;
        self.request = Some(Request {
            attempt,
            kind,
            sent_at: now,
        });
        attempt
    }
}
