//! How the task ends.

use std::mem;

use super::{
    driver::{Driver, Shutdown},
    journal::Journal,
};
use crate::{
    clock::Moment,
    error::survive,
    lease::Settled,
    shards::{protocol::Input, shared::End},
    store::ShardStore,
    task::StopReason,
};

impl<S: ShardStore> Driver<S> {
    /// A handle asks to shut down, or the last one was dropped.
    pub(super) fn handle_command(&mut self, command: Option<Shutdown>) -> Input {
        self.waiting.extend(command);
        self.leave()
    }

    /// The store is closed: leaves, although no other node can be told.
    pub(super) fn handle_closed(&mut self) -> Input {
        if !mem::replace(&mut self.closed, true) {
            self.tell(Journal::closed);
        }
        self.leave()
    }

    fn leave(&mut self) -> Input {
        match mem::replace(&mut self.is_leaving, true) {
            false => Input::Leave,
            true => Input::Tick,
        }
    }

    /// Whether a handle may still send something.
    pub(super) fn takes_commands(&self) -> bool {
        !self.is_leaving || !self.commands.is_closed() || !self.commands.is_empty()
    }

    /// Whether the node leaves, and nothing is inside any more.
    pub(super) fn is_emptied(&self) -> bool {
        self.is_leaving && self.draining.is_empty() && self.machine.is_draining()
    }

    /// Ends, once the node has left. While it holds requests, it goes on following until it knows who leads their shards,
    /// for one lease at most: they are for those nodes, of which they cannot learn once the task has ended.
    pub(super) fn finish(&mut self, now: Moment) {
        if self.closed && self.machine.is_parting() {
            self.settled = Some((Settled::LeftToExpire, now));
        }
        let Some((settled, until)) = self.settled else {
            return;
        };
        if now < until && !self.closed && !self.shared.holding.is_empty() {
            return;
        }
        let reason = match self.closed {
            true => StopReason::ClientClosed,
            false => StopReason::Shutdown,
        };
        let _ = self.shared.ended.set(End { reason, settled });
        self.publishing.stop();
        for waiting in mem::take(&mut self.waiting) {
            // The receiver may have been dropped.
            let _ = waiting.send(settled);
        }
    }
}

/// Shuts all gates and wakes every waiter, also if the task panics or its runtime ends.
impl<S> Drop for Driver<S> {
    fn drop(&mut self) {
        if let Some((_, lease)) = self.session.take() {
            lease.end();
        }
        for shard in 0..self.shared.count().get() {
            if let Some(gate) = self.shared.gates.gate(shard) {
                gate.end();
            }
        }
        let died = self.shared.ended.set(End {
            reason: StopReason::TaskEnded,
            settled: Settled::LeftToExpire,
        });
        self.publishing.stop();
        if died.is_ok() {
            survive(|| self.journal.died());
        }
    }
}
