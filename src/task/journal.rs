use std::{error::Error, fmt, sync::Arc};

use crate::{
    clock::Moment,
    lease::{Action, Input, LeaderInfo, Machine, Readings},
    store::StoreError,
};

/// Receives what the background task of an election does, as it happens: the log, or a checker in a simulation.
///
/// Every method has an empty default.
pub trait Journal: Send + 'static {
    /// The store could not be prepared. The task tries again, and does not act before.
    fn waits(&mut self, error: &StoreError) {
        let _ = error;
    }

    /// The store is prepared, after attempts that failed.
    fn prepared(&mut self) {}

    /// The protocol is about to receive an input, at `readings`.
    fn received(&mut self, readings: Readings, input: &Input) {
        let _ = (readings, input);
    }

    /// The task performed an action, under the term `token` if there is one: the term that an [`Action::End`] ended, if
    /// one had begun, or the term that this node holds.
    ///
    /// An extension of a term whose end a reader has observed is not performed.
    fn performed(&mut self, token: Option<u64>, action: &Action) {
        let _ = (token, action);
    }

    /// The drain timeout elapsed with this many requests in progress.
    fn drain_timed_out(&mut self, requests: usize) {
        let _ = requests;
    }

    /// A request to the store ended, with this error if it failed.
    fn answered(&mut self, error: Option<&(dyn Error + Send + Sync + 'static)>) {
        let _ = error;
    }

    /// A request to the store was abandoned without a response.
    fn unanswered(&mut self, error: &(dyn Error + Send + Sync + 'static)) {
        let _ = error;
    }

    /// This node became a follower, of `leader` if that is known.
    fn follows(&mut self, leader: Option<&LeaderInfo>) {
        let _ = leader;
    }

    /// The task completed a turn: it performed every action, and published the status.
    fn turned(&mut self, now: Moment, machine: &Machine) {
        let _ = (now, machine);
    }

    /// The store is closed. The election stops.
    fn closed(&mut self) {}

    /// The task ended before the election had stopped.
    fn died(&mut self, was_to_stop: bool) {
        let _ = was_to_stop;
    }
}

/// Creates the journal of each task that is started.
pub(crate) struct Journals<J: ?Sized = dyn Journal>(Option<Arc<dyn Fn() -> Box<J> + Send + Sync>>);

impl<J: ?Sized> Journals<J> {
    #[cfg(feature = "test-util")]
    pub(crate) fn new(create: impl Fn() -> Box<J> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(create)))
    }

    /// Creates a journal, by default `log`.
    pub(crate) fn create(&self, log: impl FnOnce() -> Box<J>) -> Box<J> {
        self.0.as_ref().map_or_else(log, |create| create())
    }
}

impl<J: ?Sized> Default for Journals<J> {
    fn default() -> Self {
        Self(None)
    }
}

impl<J: ?Sized> Clone for Journals<J> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<J: ?Sized> fmt::Debug for Journals<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(_) => "Journals(checker)",
            None => "Journals(log)",
        })
    }
}
