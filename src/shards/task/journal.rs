use std::error::Error;

use crate::{
    clock::Moment,
    lease::Readings,
    shards::protocol::{Action, Input, Machine},
    store::StoreError,
};

/// Receives what the background task does, as it happens: the log, or a checker in a simulation.
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

    /// The task is about to perform an action.
    fn performs(&mut self, action: &Action) {
        let _ = action;
    }

    /// The task published this many nodes with a session, and shards without an owner.
    fn published(&mut self, members: usize, unowned: usize) {
        let _ = (members, unowned);
    }

    /// A watch delivered something, or has ended with this error.
    fn watched(&mut self, input: &Input, error: Option<&StoreError>) {
        let _ = (input, error);
    }

    /// The term of a shard ended with this many requests in progress.
    fn drain_timed_out(&mut self, shard: u32, requests: usize) {
        let _ = (shard, requests);
    }

    /// A request to the store ended, with this error if it failed.
    fn answered(&mut self, error: Option<&(dyn Error + Send + Sync + 'static)>) {
        let _ = error;
    }

    /// The task completed a turn: it performed every action, and published the result.
    fn turned(&mut self, now: Moment, machine: &Machine) {
        let _ = (now, machine);
    }

    /// The store is closed. The node leaves.
    fn closed(&mut self) {}

    /// The task ended before the node had left.
    fn died(&mut self) {}
}
