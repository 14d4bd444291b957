//! The work loops: [`Leader`] runs a closure while this node leads, and
//! [`Shards::run_each`](crate::Shards::run_each) one for each shard.
//!
//! - `run_each`: the tasks of the shards; `run_once`: one run of a closure.
//! - `leader`: the loop; `candidate`: a builder on any store; `campaign`: one campaign at a time among the clones.
//! - `error`: the errors of the loop.

mod campaign;
mod candidate;
mod error;
mod leader;
mod run_each;
mod run_once;

pub use self::{error::RunError, leader::Leader};
