//! The background task of a node that takes part in shards.
//!
//! - `start`: creates the task; `configure`: the record that all nodes of a bucket agree on.
//! - `driver`: one `select!` loop around the protocol; `perform`: its actions; `leave`: how the task ends.
//! - `publishing`: what the handles see; `placing`: what the placement sees, and its advice.
//! - `preparation`, `requests`, `watches`, `terms`: what the task waits for; `wants`: which shards the node should have.
//! - `journal`: receives what the task does; `log`, `meter`: log events and metrics.

mod configure;
mod driver;
mod journal;
mod leave;
mod log;
mod meter;
mod perform;
mod placing;
mod preparation;
mod publishing;
mod requests;
mod start;
mod terms;
mod wants;
mod watches;

pub use self::journal::Journal;
pub(crate) use self::{driver::Shutdown, start::Start};
