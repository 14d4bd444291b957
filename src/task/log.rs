use std::{error::Error, mem};

use super::{journal::Journal, meter::Meter};
use crate::{
    clock::Moment,
    error::{self, survive},
    lease::{Action, Ended, Input, LeaderInfo, Machine, Notice, Readings, Settled, Status},
    names::{Address, ElectionName},
    store::StoreError,
};

/// The log events and the metrics of one election.
#[derive(Debug)]
pub(super) struct Log {
    meter: Meter,
    /// The address that this node publishes.
    address: Option<Address>,
    /// The number of consecutive requests that failed.
    failures: u32,
    /// Whether the last request failed for lack of a connection. A push shows that the connection is back; it says
    /// nothing about failures of another kind.
    is_disconnected: bool,
    /// The kinds of errors for which the store could not be prepared.
    waited_for: Vec<mem::Discriminant<StoreError>>,
}

impl Log {
    pub(super) fn new(election: &ElectionName, address: Option<Address>) -> Self {
        let meter = Meter::new(election);
        survive(|| meter.refresh(None));
        Self {
            meter,
            address,
            failures: 0,
            is_disconnected: false,
            waited_for: Vec::new(),
        }
    }

    fn ended(&self, token: u64, why: Ended) {
        match why {
            Ended::Released => tracing::info!(token, "no longer leading"),
            Ended::Expired => tracing::warn!(
                token,
                "lost the lease: no renewal was acknowledged before its deadline"
            ),
            Ended::Overwritten => tracing::warn!(token, "lost the lease: its key was overwritten"),
            Ended::Deleted => tracing::warn!(token, "lost the lease: its key was deleted"),
            Ended::DataLost => tracing::error!(token, "lost the lease: the server lost data"),
            Ended::Recreated => tracing::error!(token, "lost the lease: its bucket was recreated"),
        }
        self.meter.shut();
        self.meter.ended(why);
    }

    fn reached(&mut self) {
        self.is_disconnected = false;
        if self.failures > 0 {
            let failures = self.failures;
            tracing::info!(failures, "lease store is reachable again");
        }
        self.failures = 0;
    }

    fn failed(&mut self, error: &(dyn Error + 'static)) {
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
}

impl Journal for Log {
    /// Logs the first error of each kind.
    fn waits(&mut self, error: &StoreError) {
        self.meter.refresh(None);
        self.meter.failed();
        let (kind, is_transient) = (mem::discriminant(error), error.is_transient());
        let error = error::line(error);
        if self.waited_for.contains(&kind) {
            tracing::debug!(error, "still waiting for the lease store");
            return;
        }
        self.waited_for.push(kind);
        if is_transient {
            tracing::warn!(error, "waiting for the lease store; the gate stays closed");
        } else {
            tracing::error!(error, "the lease store cannot be used; retrying");
        }
    }

    fn prepared(&mut self) {
        tracing::info!("lease store is ready");
    }

    /// A follower may send no request for a long time after its connection is back.
    fn received(&mut self, _: Readings, input: &Input) {
        if matches!(input, Input::Pushed(_)) && self.is_disconnected {
            self.reached();
        }
    }

    fn performed(&mut self, token: Option<u64>, action: &Action) {
        match action {
            Action::Begin { token, .. } => tracing::info!(token, "won the election"),
            Action::Open => {
                tracing::info!(token, "leading");
                self.meter.opened(token.unwrap_or_default());
            }
            Action::Extend { .. } => {
                tracing::trace!("renewed the lease");
                self.meter.renewed();
            }
            Action::Close => {
                match token {
                    Some(token) => {
                        tracing::info!(token, "closed the gate; draining admitted requests");
                    }
                    None => tracing::debug!("draining requests of earlier terms"),
                }
                self.meter.shut();
            }
            Action::Settled(Settled::Released) => tracing::debug!("no longer holding the lease"),
            Action::Settled(Settled::LeftToExpire) => {
                tracing::warn!("could not release the lease; leaving it to expire");
            }
            Action::Notice(notice) => log_notice(notice),
            Action::End { why } => {
                if let Some(token) = token {
                    self.ended(token, *why);
                }
            }
            Action::Read { .. } | Action::Write { .. } | Action::WarmUp => {}
        }
    }

    fn drain_timed_out(&mut self, requests: usize) {
        tracing::warn!(requests, "drain timeout elapsed with work in progress");
    }

    /// Warns of the first failure of a series, and logs the end of the series.
    fn answered(&mut self, error: Option<&(dyn Error + Send + Sync + 'static)>) {
        match error {
            Some(error) => self.failed(error),
            None => self.reached(),
        }
    }

    fn unanswered(&mut self, error: &(dyn Error + Send + Sync + 'static)) {
        self.failed(error);
    }

    fn follows(&mut self, leader: Option<&LeaderInfo>) {
        let Some(leader) = leader else {
            tracing::debug!("no leader is known");
            return;
        };
        let (address, token) = (leader.address(), u64::from(leader.token()));
        tracing::info!(leader = leader.id(), address, token, "following");
        if address.is_some() && address == self.address.as_ref().map(Address::as_str) {
            tracing::warn!(
                address,
                "leader publishes the address of this node; not redirecting or forwarding to it"
            );
        }
    }

    fn turned(&mut self, now: Moment, machine: &Machine) {
        self.meter.refresh(match machine.status(now) {
            Status::Leader { token } => Some(token.into()),
            _ => None,
        });
    }

    fn closed(&mut self) {
        tracing::error!("lease store is closed; leaving the election");
    }

    fn died(&mut self, was_to_stop: bool) {
        if was_to_stop {
            tracing::warn!("election task ended before its shutdown completed");
        } else {
            tracing::error!("election task ended unexpectedly; the gate stays closed");
        }
        self.meter.shut();
    }
}

fn log_notice(notice: &Notice) {
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
        Notice::Recreated => {
            tracing::error!("the bucket was deleted and recreated; waiting as for an absent key");
        }
        Notice::RunsTwice { revision } => tracing::error!(
            revision,
            "the key contains a record of a copy of this process; its image runs twice"
        ),
        Notice::WallClockOff { shown } => tracing::warn!(
            unix_ms = shown.as_unix_ms(),
            "the wall clock is wrong; fencing tokens do not contain the time"
        ),
    }
}

fn is_disconnected(error: &(dyn Error + 'static)) -> bool {
    matches!(error::find(error), Some(StoreError::Disconnected))
}
