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
            Some(token) => tracing::info!(token, "closed the gate; draining admitted requests"),
            None => tracing::debug!("draining requests of earlier terms"),
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
            Settled::Released => tracing::debug!("no longer holding the lease"),
            Settled::LeftToExpire => {
                tracing::warn!("could not release the lease; leaving it to expire");
            }
        }
    }

    /// The drain timeout is over, and this many requests are still under way.
    pub(super) fn left_behind(&self, requests: usize) {
        tracing::warn!(requests, "drain timeout elapsed with work in progress");
    }

    pub(super) fn died(&self, was_to_stop: bool) {
        if was_to_stop {
            tracing::warn!("election task ended before its shutdown completed");
        } else {
            tracing::error!("election task ended unexpectedly; the gate stays closed");
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
                "leader publishes the address of this node; not redirecting or forwarding to it"
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
            tracing::info!(failures, "lease store is reachable again");
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
            tracing::warn!(error, "lease store request failed; retrying");
        } else {
            tracing::debug!(error, "lease store request failed again");
        }
    }

    pub(super) fn notice(&self, notice: &Notice) {
        match notice {
            Notice::KeyAbsent { wait } => tracing::info!(
                ?wait,
                "key is absent; waiting in case an unknown leader holds the lease"
            ),
            Notice::Garbage { revision, why } => tracing::warn!(
                revision, reason = %why,
                "the key does not contain a noleader record; treating it as a live lease"
            ),
            Notice::DataLost { seen, found } => tracing::error!(
                seen,
                found,
                "server revisions went backwards; data was lost or the bucket was recreated"
            ),
            Notice::AcquiredTooLate => {
                tracing::warn!("acquired the lease too late; retrying");
            }
        }
    }
}

fn is_disconnected(error: &(dyn Error + 'static)) -> bool {
    matches!(error::find(error), Some(StoreError::Disconnected))
}
