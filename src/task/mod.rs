//! The background task of an election, and the state that it shares with the handles.
//!
//! - `start`: creates the task and its first handle; `preparing`, `unprepared`: what it does until the store
//!   is ready.
//! - `driver`: one `select!` loop around the protocol in `lease`.
//! - `gate`, `admission`, `term`, `held_lease`, `deadline`: admit a request, and bound it; `shared`: everything that is published.
//! - `pulse`: when the task last made progress.
//! - `handle`: [`LeaderHandle`]; `not_leader`, `error`: the errors of its methods.
//! - `request`: a request to the store in progress; `watcher`: a watch that reopens after a failure or silence.
//! - `warm_up`: runs before the gate opens; `leaving`: what must end before the lease is released.
//! - `journal`: receives what the task does; `log`, `meter`: log events and metrics; `guarded`: catches their panics.
//! - `interleavings`: tests of threads that share the gate, in every order of their steps.

mod admission;
mod deadline;
mod driver;
mod error;
mod gate;
mod guarded;
mod handle;
mod held_lease;
mod holding;
#[cfg(test)]
#[cfg(noleader_loom)]
mod interleavings;
mod journal;
mod leaving;
mod log;
mod meter;
mod not_leader;
mod preparing;
mod pulse;
mod request;
mod shared;
mod start;
mod term;
mod unprepared;
mod warm_up;
mod watcher;

pub use self::{
    admission::Admission,
    error::{ReleaseError, StopReason, Stopped},
    handle::LeaderHandle,
    journal::Journal,
    not_leader::{NotLeader, Reason},
    term::Term,
};
pub(crate) use self::{
    gate::{Drain, Gate},
    guarded::{InSpan, within},
    held_lease::HeldLease,
    holding::{Held, Holding},
    journal::Journals,
    leaving::Leaving,
    preparing::{Attempt, Preparing},
    pulse::Pulse,
    shared::Shared,
    start::Start,
    warm_up::WarmUp,
};
