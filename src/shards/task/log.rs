use std::{error::Error, mem};

use super::{journal::Journal, meter::Meter};
use crate::{
    clock::Moment,
    error::{self, survive},
    lease::{Readings, Settled},
    names::ElectionName,
    shards::protocol::{Action, Ended, Input, Machine, Node, Notice},
    store::StoreError,
};

/// The log events and the metrics of one node. Events come at the rate of changes, not of shards: those of single shards
/// are at the level `debug`.
#[derive(Debug)]
pub(super) struct Log {
    meter: Meter,
    /// The number of requests that failed in the present series.
    failures: u32,
    /// A request has failed since the last renewal.
    has_failed: bool,
    /// The number of consecutive watches that ended before they delivered anything.
    failed_watches: u32,
    /// Another process was seen under the id of this node, since the last session of this one.
    is_id_in_use: bool,
    /// The kinds of errors for which the store could not be prepared.
    waited_for: Vec<mem::Discriminant<StoreError>>,
}

impl Log {
    pub(super) fn new(bucket: &ElectionName, node: &Node) -> Self {
        Self {
            meter: Meter::new(bucket, node),
            failures: 0,
            failed_watches: 0,
            has_failed: false,
            is_id_in_use: false,
            waited_for: Vec::new(),
        }
    }

    /// A series of failures ends with the second renewal after the last one.
    fn end_failures(&mut self) {
        if !mem::take(&mut self.has_failed) && mem::take(&mut self.failures) > 0 {
            tracing::info!("the bucket of the shards is reachable again");
        }
    }

    /// The recorder of the application may panic. The event is logged then, too.
    fn measure(&mut self, measure: impl FnOnce(&mut Meter)) {
        survive(|| measure(&mut self.meter));
    }
}

impl Journal for Log {
    /// Logs the first error of each kind.
    fn waits(&mut self, error: &StoreError) {
        self.measure(Meter::waits);
        let (kind, is_transient) = (mem::discriminant(error), error.is_transient());
        let error = error::line(error);
        if self.waited_for.contains(&kind) {
            tracing::debug!(error, "still waiting for the bucket of the shards");
            return;
        }
        self.waited_for.push(kind);
        if is_transient {
            tracing::warn!(
                error,
                "waiting for the bucket of the shards; no shard opens here"
            );
        } else {
            tracing::error!(error, "the bucket of the shards cannot be used; retrying");
        }
    }

    fn prepared(&mut self) {
        tracing::info!("the bucket of the shards is ready");
    }

    fn received(&mut self, readings: Readings, input: &Input) {
        self.measure(|meter| meter.received(readings.now, input));
    }

    fn published(&mut self, members: usize, unowned: usize) {
        self.measure(|meter| meter.published(members, unowned));
    }

    fn turned(&mut self, now: Moment, machine: &Machine) {
        self.measure(|meter| meter.turned(now, machine));
    }

    fn performs(&mut self, action: &Action) {
        self.measure(|meter| meter.performs(action));
        match action {
            Action::Begin { .. } => {
                self.is_id_in_use = false;
                tracing::info!("joined the shards");
                self.end_failures();
            }
            Action::Extend { .. } => {
                tracing::trace!("renewed the session");
                self.end_failures();
            }
            Action::Open { shard, token } => tracing::debug!(shard, token, "leading the shard"),
            Action::Shut { shard } => tracing::debug!(shard, "closed the gate of the shard"),
            Action::EndTerm { shard } => tracing::debug!(shard, "no longer leading the shard"),
            Action::ShutAll => tracing::info!("closed all gates; draining admitted requests"),
            Action::End { why } => log_end(*why),
            Action::Settled(Settled::Released) => tracing::info!("left the shards"),
            Action::Settled(Settled::LeftToExpire) => {
                tracing::warn!("could not end the session; leaving it to expire");
            }
            Action::Notice(Notice::IdInUse { .. })
                if mem::replace(&mut self.is_id_in_use, true) => {}
            Action::Notice(notice) => log_notice(notice),
            Action::Read { .. }
            | Action::Write { .. }
            | Action::Watch { .. }
            | Action::CloseWatch { .. }
            | Action::WarmUp { .. } => {}
        }
    }

    /// Warns of the first failure of a series.
    fn watched(&mut self, input: &Input, error: Option<&StoreError>) {
        if !matches!(input, Input::WatchEnded { .. }) {
            if matches!(input, Input::Delivered { .. } | Input::CaughtUp { .. }) {
                self.failed_watches = 0;
            }
            return;
        }
        self.measure(|meter| meter.watch_ended());
        self.failed_watches = self.failed_watches.saturating_add(1);
        let error = error.map(|error| error::line(error));
        if self.failed_watches == 2 {
            tracing::warn!(error, "could not watch the bucket of the shards; retrying");
        } else {
            tracing::debug!(error, "watch ended; opening another one");
        }
    }

    fn drain_timed_out(&mut self, shard: u32, requests: usize) {
        tracing::warn!(shard, requests, "a term ended with work in progress");
    }

    /// Warns of the first failure of a series. Successes in between do not end the series.
    fn answered(&mut self, error: Option<&(dyn Error + Send + Sync + 'static)>) {
        let Some(error) = error else {
            return;
        };
        self.has_failed = true;
        let error = error::line(error);
        self.failures = self.failures.saturating_add(1);
        self.measure(|meter| meter.failed());
        if self.failures == 1 {
            tracing::warn!(
                error,
                "a request to the bucket of the shards failed; retrying"
            );
        } else {
            tracing::debug!(error, "a request to the bucket of the shards failed again");
        }
    }

    fn closed(&mut self) {
        let error = error::line(&StoreError::Closed);
        tracing::error!(error, "the client is closed; leaving the shards");
    }

    fn died(&mut self) {
        self.measure(Meter::stopped);
        tracing::error!("the task of the shards ended unexpectedly; all gates stay closed");
    }
}

fn log_end(why: Ended) {
    match why {
        Ended::Left => tracing::debug!("ended the session"),
        Ended::Expired => tracing::warn!(
            "lost all shards: no renewal was acknowledged and delivered before the deadline"
        ),
        Ended::Refused | Ended::Overwritten => {
            tracing::warn!("lost all shards: the record of this node was overwritten");
        }
        Ended::Deleted => tracing::warn!("lost all shards: the record of this node was deleted"),
        Ended::Reconfigured => {
            tracing::error!(
                "lost all shards: the configuration in the bucket was deleted or changed"
            );
        }
        Ended::DataLost => tracing::error!("lost all shards: the server lost data"),
        Ended::Recreated => tracing::error!("lost all shards: the bucket was recreated"),
    }
}

fn log_notice(notice: &Notice) {
    match notice {
        Notice::Garbage { key, revision, why } => tracing::warn!(
            %key, revision, reason = %why,
            "the key does not contain a record of noleader"
        ),
        Notice::Overwritten { shard, revision } => tracing::warn!(
            shard,
            revision,
            "lost the shard: its record was overwritten or deleted"
        ),
        Notice::WatchReplaced { watch } => {
            tracing::debug!(watch, "a watch is behind; replacing it");
        }
        Notice::RunsTwice { revision } => tracing::error!(
            revision,
            "the bucket contains a record of a copy of this process; its image runs twice"
        ),
        Notice::IdInUse { revision } => tracing::warn!(
            revision,
            "another process takes part under the id of this node; waiting until it leaves"
        ),
        Notice::WallClockOff { shown } => tracing::warn!(
            unix_ms = shown.as_unix_ms(),
            "the wall clock is wrong; fencing tokens do not contain the time"
        ),
    }
}
