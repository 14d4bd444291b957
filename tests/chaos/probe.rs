//! Reads a candidate's own gates periodically, independent of requests.

use std::{
    panic,
    process::abort,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::time::sleep;

use crate::{
    clock::now,
    journal::Closing,
    log::{Entry, Writer},
    member::Member,
};

pub(crate) struct Probe {
    member: Member,
    log: Writer,
    closing: Closing,
    leaving: Arc<AtomicBool>,
}

impl Probe {
    pub(crate) fn new(
        member: Member,
        log: Writer,
        closing: Closing,
        leaving: Arc<AtomicBool>,
    ) -> Self {
        Self {
            member,
            log,
            closing,
            leaving,
        }
    }

    /// Reads the gates until the member has stopped.
    pub(crate) async fn run(mut self) {
        let pace = self.member.pace();
        while !self.member.has_stopped() {
            self.look();
            tokio::select! {
                () = self.member.changed() => (),
                () = sleep(pace) => (),
            }
        }
        if !self.leaving.load(Ordering::SeqCst) {
            panic!("the election ended unexpectedly");
        }
    }

    fn look(&mut self) {
        // Read before the gates are.
        let closing = self.closing.lock().unwrap().clone();
        for term in self.member.closed(&closing) {
            self.closing.lock().unwrap().remove(&term);
            self.log.write(Entry::Closed { term, at: now() });
        }
        let outside = now();
        let open = self.member.open();
        let inside = now();
        for term in open {
            self.log.write(Entry::Open {
                term,
                outside,
                inside,
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
