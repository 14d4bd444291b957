//! Looks at a candidate's own gate, whether there are requests or not.

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

/// Between two looks, if the status stays the same.
const PACE: Duration = Duration::from_millis(20);

pub(crate) struct Probe {
    leader: LeaderHandle,
    status: watch::Receiver<Status>,
    log: Writer,
    /// The term that is handed over, or was last. Zero is no token.
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

    /// Looks until the election is over.
    pub(crate) async fn run(mut self) {
        while *self.status.borrow() != Status::Stopped {
            self.look();
            tokio::select! {
                _ = self.status.changed() => (),
                () = sleep(PACE) => (),
            }
        }
        if !self.leaving.load(Ordering::SeqCst) {
            panic!("the election ended by itself");
        }
    }

    fn look(&mut self) {
        // Read before the status: what drains is this term, or a later one, or a candidate that leaves while it
        // campaigns; so this one's gate has shut.
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

/// A panic would end only the task of one request, or that of the election, and be overlooked.
pub(crate) fn abort_at_a_panic(log: Writer) {
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        tell(panic);
        log.write(Entry::Died { at: now() });
        abort();
    }));
}
