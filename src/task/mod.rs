//! The background task of an election, and what it shares with the handles.
//!
//! - `driver`: one `select!` loop around the protocol in [`lease`](crate::lease).
//! - `gate`, `term`, `deadline`: what a request is checked against; `shared`: everything that is published.
//! - `pulse`: when the task last came round.
//! - `handle`: what a service holds.
//! - `watcher`: the watch that is never given up; `warm_up`: what runs before the gate opens; `leaving`: what
//!   ends before the lease is given back.
//! - `journal`, `meter`: log lines and metrics.
//! - `interleavings`: tests of what threads do to the gate at the same time.

mod deadline;
mod driver;
mod gate;
mod handle;
#[cfg(test)]
#[cfg(noleader_loom)]
mod interleavings;
mod journal;
mod leaving;
mod meter;
mod pulse;
mod request;
mod shared;
mod status;
mod term;
mod warm_up;
mod watcher;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use tokio::sync::mpsc;
use tracing::Instrument;

use self::{deadline::Deadline, driver::Driver, journal::Journal, pulse::Pulse, watcher::Watcher};
pub use self::{
    gate::Admission,
    handle::LeaderHandle,
    status::{LeaderInfo, Status},
    term::Term,
};
pub(crate) use self::{gate::Gate, shared::Shared, warm_up::WarmUp};
use crate::{
    clock::Clock,
    config::Config,
    lease::{Candidate, Machine, Timing},
    store::LeaseStore,
    sync::{ArcSwapOption, AtomicU64, watch},
};

/// Spawns the task of a candidate whose settings and store have been checked.
pub(crate) fn spawn(
    config: Config,
    timing: Timing,
    store: impl LeaseStore,
    clock: Clock,
    warm_up: Option<WarmUp>,
) -> LeaderHandle {
    let span = tracing::info_span!(
        "election",
        bucket = config.bucket,
        key = config.key,
        id = config.id
    );
    let (driver, handle) = candidate(config, timing, store, clock, warm_up);
    tokio::spawn(driver.run().instrument(span));
    handle
}

fn candidate<S: LeaseStore>(
    config: Config,
    timing: Timing,
    store: S,
    clock: Clock,
    warm_up: Option<WarmUp>,
) -> (Driver<S>, LeaderHandle) {
    let shared = Arc::new(Shared {
        gate: Gate::new(clock.clone()),
        flag: watch::Sender::new(false),
        status: watch::Sender::new(Status::Follower { leader: None }),
        id: config.id.clone(),
        address: config.address.clone(),
        clock: clock.clone(),
        lease: timing.lease,
        renew_every: timing.renew_every,
        token: AtomicU64::new(0),
        held: ArcSwapOption::empty(),
        pulse: Pulse::new(clock.now()),
        ended: OnceLock::new(),
    });
    let store = Arc::new(store);
    let pause = (timing.lease / 20).max(Duration::from_millis(100));
    let watcher = Watcher::new(store.clone(), clock, pause, timing.request_timeout);
    let candidate = Candidate {
        id: config.id,
        session: uuid::Uuid::new_v4().to_string(),
        address: config.address,
        timing,
        observer: config.observer,
        warm_up: config.warm_up,
        trust_absent_key: config.trust_absent_key,
    };
    let (sender, commands) = mpsc::unbounded_channel();
    let driver = Driver {
        machine: Machine::new(candidate, fastrand::u64(..)),
        store,
        shared: shared.clone(),
        commands,
        watcher,
        warm_up,
        journal: Journal::new(&config.bucket, &config.key),
        request: None,
        term: None,
        warming: None,
        warm_ups: Vec::new(),
        leaving: None,
        waiting: Vec::new(),
        settled: Vec::new(),
        abandoned: false,
        stopping: false,
    };
    (driver, LeaderHandle::new(shared, sender))
}
