//! The background task of an election, and what it shares with the handles.
//!
//! - `driver`: one `select!` loop around the protocol in `lease`.
//! - `gate`, `admission`, `term`, `deadline`: what a request is checked against; `shared`: everything that is
//!   published.
//! - `pulse`: when the task last came round.
//! - `handle`: what a service holds; `not_leader`, `error`: what its methods return.
//! - `watcher`: the watch that is never given up; `warm_up`: what runs before the gate opens; `leaving`: what
//!   ends before the lease is released; `request`: a request to the store.
//! - `journal`, `meter`: log lines and metrics.
//! - `interleavings`: tests of what threads do to the gate at the same time.

mod admission;
mod deadline;
mod driver;
mod error;
mod gate;
mod handle;
#[cfg(test)]
#[cfg(noleader_loom)]
mod interleavings;
mod journal;
mod leaving;
mod meter;
mod not_leader;
mod pulse;
mod request;
mod shared;
mod start;
mod term;
mod warm_up;
mod watcher;

pub use self::{
    admission::Admission,
    error::{ReleaseError, Stopped},
    handle::LeaderHandle,
    not_leader::{NotLeader, Reason},
    term::Term,
};
pub(crate) use self::{shared::Shared, start::Start, warm_up::WarmUp};
