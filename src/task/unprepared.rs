//! The task before its store is prepared.

use tokio::sync::oneshot;

use super::driver::{Command, Driver};
use crate::{
    lease::{Input, Settled},
    store::{LeaseStore, StoreError},
};

impl<S: LeaseStore> Driver<S> {
    /// Prepares the store, and returns the first input of the protocol. The protocol does not act before that.
    pub(super) async fn prepared(&mut self) -> Input {
        let clock = self.shared.clock().clone();
        while let Some(preparing) = &mut self.preparing {
            let now = clock.now();
            self.shared.pulse.beat(now);
            let next_beat = now + self.shared.lease();
            tokio::select! {
                biased;
                attempted = preparing.attempted() => match attempted {
                    Ok(()) => {
                        self.preparing = None;
                        self.journal.prepared();
                    }
                    Err(StoreError::Closed) => {
                        self.give_up();
                        return self.shutdown(None);
                    }
                    Err(error) => self.journal.waits(&error),
                },
                command = self.commands.recv() => match command {
                    // There is nothing to release.
                    Some(Command::StepDown(answer)) => drop(answer.send(Settled::Released)),
                    Some(Command::Shutdown(answer)) => return self.shutdown(Some(answer)),
                    None => return self.shutdown(None),
                },
                () = clock.sleep_until(next_beat) => {}
            }
        }
        Input::Tick
    }

    /// Begins a shutdown, for `waiting` if a handle asked for it.
    pub(super) fn shutdown(&mut self, waiting: Option<oneshot::Sender<Settled>>) -> Input {
        self.waiting.extend(waiting);
        self.stopping = true;
        Input::Shutdown
    }
}
