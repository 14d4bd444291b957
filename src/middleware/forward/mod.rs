//! Proxies requests to the leader.
//!
//! - `action`: what is forwarded, and what is answered instead.
//! - `hop`: what a proxy changes in the headers, and the mark that keeps a request from going round.
//! - `call`: one call of the client, with its time limit; `failure`: how it can fail.
//! - `future`, `body`: of a service that may answer itself or through the leader.

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
