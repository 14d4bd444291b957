//! Reads a candidate's own gate periodically, independent of requests.

use std::{
    panic,
    process::abort,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use noleader::{LeaderHandle, Status};
use tokio::{sync::watch, time::sleep};

use crate::{
    clock::now,
    log::{Entry, Writer},
};

/// The time between two reads while the status does not change.
const PACE: Duration = Duration::from_millis(20);

pub(crate) struct Probe {
    leader: LeaderHandle,
    status: watch::Receiver<Status>,
    log: Writer,
    /// See [`Journal`](crate::journal::Journal).
    closing: Arc<AtomicU64>,
    noted: u64,
    leaving: Arc<AtomicBool>,
}

impl Probe {
    pub(crate) fn new(
        leader: LeaderHandle,
        log: Writer,
        closing: Arc<AtomicU64>,
        leaving: Arc<AtomicBool>,
    ) -> Self {
        Self {
            status: leader.watch(),
            leader,
            log,
            closing,
            noted: 0,
            leaving,
        }
    }

    /// Reads the gate until the election ends.
    pub(crate) async fn run(mut self) {
        while *self.status.borrow() != Status::Stopped {
            self.look();
            tokio::select! {
                _ = self.status.changed() => (),
                () = sleep(PACE) => (),
            }
        }
        if !self.leaving.load(Ordering::SeqCst) {
            panic!("the election ended unexpectedly");
        }
    }

    fn look(&mut self) {
        // Read before the status. Whether this term drains, or a later one, or the candidate stops while it campaigns:
        // a draining status shows that the gate of this term has closed.
        let token = self.closing.load(Ordering::SeqCst);
        let is_draining = *self.status.borrow_and_update() == Status::Draining;
        if is_draining && self.noted != token {
            self.noted = token;
            self.log.write(Entry::Draining { token, at: now() });
        }
        let outside = now();
        if let Some(term) = self.leader.term() {
            self.log.write(Entry::Open {
                token: term.token().into(),
                outside,
                inside: now(),
            });
        }
    }
}

/// Aborts the process at a panic, which would otherwise end only one task and go unnoticed.
pub(crate) fn abort_at_a_panic(log: Writer) {
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        tell(panic);
        log.write(Entry::Died { at: now() });
        abort();
    }));
}
