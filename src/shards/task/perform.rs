//! How the task performs the actions of the protocol: requests, the session, and the gates of the shards.

use super::{driver::Driver, requests::Write};
use crate::{
    clock::Moment,
    names::ShardId,
    shards::{
        protocol::{Action, Input},
        shard::Shard,
    },
    store::ShardStore,
    task::{HeldLease, Term},
};

impl<S: ShardStore> Driver<S> {
    pub(super) fn perform(&mut self, action: Action) {
        // Not from now on: the process may have been paused since the input.
        let due = self.machine.answer_due();
        match action {
            Action::Read { attempt, key } => self.requests.read(due, attempt, &key),
            Action::Write {
                attempt,
                key,
                expected,
                record,
            } => {
                let write = Write {
                    attempt,
                    key,
                    expected,
                    value: record.encode(),
                    removed_after: record.removed_after(),
                };
                self.requests.write(due, write);
            }
            Action::Watch { watch, after } => self.watches.open(watch, after),
            Action::CloseWatch { watch } => self.watches.close(watch),
            Action::Begin { session, deadline } => {
                let lease = HeldLease::new(deadline, self.shared.clock().clone());
                self.shared.set_session(Some(lease.clone()));
                self.session = Some((session, lease));
                self.shared.pulse.confirm(self.now());
            }
            Action::Extend { deadline } => self.extend(deadline),
            Action::WarmUp { shard, token } => {
                let shard = self.begin(shard, token);
                if let Some((warm_up, shard)) = self.warm_up.as_ref().zip(shard) {
                    let spawner = &self.shared.runtime.spawner;
                    self.terms.warm_up(spawner, warm_up, shard);
                }
            }
            Action::Open { shard, token } => self.open(shard, token),
            Action::Shut { shard } => {
                let drained = self.shut(shard);
                self.follow.extend(drained);
            }
            Action::EndTerm { shard } => self.end_term(shard),
            Action::ShutAll => self.shut_all(),
            Action::End { .. } => self.end(),
            Action::Settled(settled) => {
                self.settled = Some((settled, self.now() + self.shared.timing.lease));
            }
            Action::Notice(_) => {}
        }
    }

    fn extend(&mut self, deadline: Moment) {
        self.shared.pulse.confirm(self.now());
        if let Some((session, lease)) = &self.session
            && !lease.extend(deadline)
        {
            // A reader came after the old deadline, and observed the end of the session.
            self.follow.push_back(Input::Expired { session: *session });
        }
        self.shared.renewed.notify_waiters();
    }

    /// Begins the term of a shard. Its gate stays shut.
    fn begin(&self, shard: u32, token: u64) -> Option<Shard> {
        let (_, lease) = self.session.as_ref()?;
        let term = Term::new(token.into(), lease.clone());
        self.shared.gates.create(shard)?.begin(term.clone());
        Some(Shard::new(ShardId::new(shard), term))
    }

    fn open(&mut self, shard: u32, token: u64) {
        let gate = self.shared.gates.gate(shard);
        let warmed = gate.and_then(|gate| gate.begun());
        let warmed = warmed.map(|term| Shard::new(ShardId::new(shard), term));
        let Some(opened) = warmed.or_else(|| self.begin(shard, token)) else {
            return;
        };
        if let Some(gate) = self.shared.gates.gate(shard) {
            gate.open();
        }
        self.publishing.opened(&opened);
    }

    /// Shuts the gate of a shard. Returns the input that follows if nothing is inside.
    fn shut(&mut self, shard: u32) -> Option<Input> {
        let gate = self.shared.gates.gate(shard)?;
        let token = gate.begun().map_or(0, |term| term.token().into());
        let drained = self.terms.drain(shard, token, gate.shut());
        if drained.is_none() {
            self.draining.insert(shard);
        }
        drained
    }

    fn shut_all(&mut self) {
        let drained: Vec<_> = (0..self.shared.count().get())
            .filter_map(|shard| self.shut(shard))
            .collect();
        // With nothing inside, one write frees all of them.
        if self.draining.is_empty() {
            return;
        }
        // First for whom each is freed: to the others, this node is still there.
        let wanted = self.placing.leave(self.now());
        self.follow.extend(wanted);
        self.follow.extend(drained);
    }

    fn end_term(&mut self, shard: u32) {
        self.stop_draining(shard);
        let Some(gate) = self.shared.gates.gate(shard) else {
            return;
        };
        gate.end();
        let left = gate.draining();
        if left > 0 {
            self.tell(|journal| journal.drain_timed_out(shard, left));
        }
        self.shared.gates.remove(shard);
    }

    /// Stops waiting for the requests of a shard. A node that leaves waits for all of them, whatever happens to its shards
    /// and its session.
    fn stop_draining(&mut self, shard: u32) {
        if !self.is_leaving {
            self.terms.forget(shard);
            self.draining.remove(&shard);
        }
    }

    /// Ends the session, and with it every term.
    fn end(&mut self) {
        if let Some((_, lease)) = self.session.take() {
            lease.end();
        }
        self.shared.set_session(None);
        for shard in 0..self.shared.count().get() {
            if let Some(gate) = self.shared.gates.gate(shard)
                && gate.end().is_some()
            {
                self.stop_draining(shard);
            }
        }
    }
}
