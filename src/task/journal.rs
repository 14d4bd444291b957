use std::error::Error;

use super::meter::Meter;
use crate::{
    error,
    lease::{Ended, LeaderInfo, Notice, Settled},
    names::{Address, ElectionName},
    store::StoreError,
};

/// The log lines and the metrics of one election.
#[derive(Debug)]
pub(super) struct Journal {
    meter: Meter,
    /// How many requests in a row have failed.
    failures: u32,
    /// The last one failed as there was no connection, which whatever is pushed shows to be over. It does not
    /// show that other failures are.
    is_disconnected: bool,
}

impl Journal {
    pub(super) fn new(election: &ElectionName) -> Self {
        Self {
            meter: Meter::new(election),
            failures: 0,
            is_disconnected: false,
        }
    }

    pub(super) fn began(&self, token: u64) {
        tracing::info!(token, "won the election");
    }

    pub(super) fn opened(&self, token: u64) {
        tracing::info!(token, "leading");
        self.meter.opened(token);
    }

    pub(super) fn renewed(&self) {
        tracing::trace!("renewed the lease");
        self.meter.renewed();
    }

    /// Shut for good, under the term `token` or after the last one was lost.
    pub(super) fn closed(&self, token: Option<u64>) {
        match token {
            Some(token) => tracing::info!(
                token,
                "handing over: the gate is shut, admitted requests finish"
            ),
            None => tracing::debug!("no term is held: requests of earlier ones finish first"),
        }
        self.meter.shut();
    }

    pub(super) fn ended(&self, token: u64, why: Ended) {
        match why {
            Ended::Released => tracing::info!(token, "no longer leading"),
            Ended::Expired => tracing::warn!(
                token,
                "lost the lease: no renewal was acknowledged before its deadline"
            ),
            Ended::Overwritten => tracing::warn!(token, "lost the lease: its key was overwritten"),
            Ended::Deleted => tracing::warn!(token, "lost the lease: its key was deleted"),
            Ended::DataLost => tracing::error!(token, "lost the lease: the server lost data"),
        }
        self.meter.shut();
        self.meter.ended(why);
    }

    pub(super) fn settled(&self, settled: Settled) {
        match settled {
            Settled::Released => tracing::debug!("no lease is held any more"),
            Settled::LeftToExpire => {
                tracing::warn!("the lease could not be released; it is left to expire");
            }
        }
    }

    /// The drain timeout is over, and this many requests are still under way.
    pub(super) fn left_behind(&self, requests: usize) {
        tracing::warn!(
            requests,
            "the drain timeout is over: admitted requests, or a warm-up that blocks its thread, go on \
             without the lease"
        );
    }

    pub(super) fn died(&self, was_to_stop: bool) {
        if was_to_stop {
            tracing::warn!(
                "the election's task ended in the middle of its shutdown, with its runtime or by a panic: \
                 a lease that it held is left to expire; await `shutdown` before the runtime ends"
            );
        } else {
            tracing::error!(
                "the election's task ended before it was told to, by a panic or with its runtime: \
                 the gate is shut for good; start a new handle"
            );
        }
        self.meter.shut();
    }

    /// This node follows somebody else, or nobody that it knows.
    pub(super) fn follows(&self, leader: Option<&LeaderInfo>, own_address: Option<&Address>) {
        let Some(leader) = leader else {
            tracing::debug!("no leader is known");
            return;
        };
        let (address, token) = (leader.address(), u64::from(leader.token()));
        tracing::info!(leader = leader.id(), address, token, "following");
        if address.is_some() && address == own_address.map(Address::as_str) {
            tracing::warn!(
                address,
                "the leader publishes the address of this node, so that nothing is redirected or forwarded to \
                 it: it is this node before its restart, or two nodes have one address"
            );
        }
    }

    /// A request to the store was answered. The first failure of a series is told, and its end.
    pub(super) fn answered(&mut self, error: Option<&(dyn Error + Send + Sync + 'static)>) {
        match error {
            Some(error) => self.failed(error),
            None => self.reached(),
        }
    }

    /// A state of the key was pushed. A follower may have nothing to ask for long after a connection is back.
    pub(super) fn pushed(&mut self) {
        if self.is_disconnected {
            self.reached();
        }
    }

    fn reached(&mut self) {
        self.is_disconnected = false;
        if self.failures > 0 {
            let failures = self.failures;
            tracing::info!(failures, "the lease's store is reached again");
        }
        self.failures = 0;
    }

    /// A request to the store failed, or was given up without an answer.
    pub(super) fn failed(&mut self, error: &(dyn Error + 'static)) {
        self.is_disconnected = is_disconnected(error);
        let error = error::line(error);
        self.failures = self.failures.saturating_add(1);
        self.meter.failed();
        if self.failures == 1 {
            tracing::warn!(error, "the lease's store failed; trying again");
        } else {
            tracing::debug!(error, "the lease's store failed again");
        }
    }

    pub(super) fn notice(&self, notice: &Notice) {
        match notice {
            Notice::KeyAbsent { wait } => tracing::info!(
                ?wait,
                "the key is absent; waiting, since a leader that nobody here has seen may still hold it"
            ),
            Notice::Garbage { revision, why } => tracing::warn!(
                revision, %why,
                "the key holds no record of noleader; it is taken for somebody's lease"
            ),
            Notice::DataLost { seen, found } => tracing::error!(
                seen,
                found,
                "the server's revisions went backwards: it lost data, or the bucket was made again"
            ),
            Notice::AcquiredTooLate => {
                tracing::warn!("the lease was acquired too late to be of use; trying again");
            }
        }
    }
}

fn is_disconnected(error: &(dyn Error + 'static)) -> bool {
    matches!(error::find(error), Some(StoreError::Disconnected))
}
