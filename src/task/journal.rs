use std::error::Error;

use super::meter::Meter;
use crate::{
    error,
    lease::{Ended, LeaderInfo, Notice, Settled},
    names::{Address, ElectionName},
    store::StoreError,
};

/// The log events and the metrics of one election.
#[derive(Debug)]
pub(super) struct Journal {
    meter: Meter,
    /// The number of consecutive requests that failed.
    failures: u32,
    /// Whether the last request failed for lack of a connection. A push shows that the connection is back; it says
    /// nothing about failures of another kind.
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

    /// The gate closed for a drain, under the term `token`, or without a term after the last one was lost.
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

    /// The drain timeout elapsed with this many requests in progress.
    pub(super) fn drain_timed_out(&self, requests: usize) {
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

    /// This node became a follower, of `leader` if that is known.
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

    /// A request to the store ended. Warns of the first failure of a series, and logs the end of the series.
    pub(super) fn answered(&mut self, error: Option<&(dyn Error + Send + Sync + 'static)>) {
        match error {
            Some(error) => self.failed(error),
            None => self.reached(),
        }
    }

    /// A state of the key was pushed. A follower may send no request for a long time after its connection is back.
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

    /// A request to the store failed, or was abandoned without a response.
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
