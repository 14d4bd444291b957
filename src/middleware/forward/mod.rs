//! A proxy to the leader.
//!
//! - `action`: which requests are forwarded, and the response if that fails.
//! - `hop`: the headers that a proxy changes, and the mark that prevents forwarding loops.
//! - `call`: one call of the client, with its time limit; `failure`: how it can fail.
//! - `future`, `body`: of a service whose responses come from this node or from the leader.

mod action;
mod body;
mod call;
mod failure;
mod future;
mod hop;

pub use self::{
    action::{Forward, Forwards},
    body::ForwardBody,
    future::ForwardFuture,
};
pub(super) use self::{failure::Failure, hop::is_marked};
