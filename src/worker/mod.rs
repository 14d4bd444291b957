//! The work loop: [`Leader`] runs a closure while this node leads.
//!
//! - `leader`: the loop; `candidate`: a builder on any store; `campaign`: one campaign at a time among the clones.
//! - `error`: the errors of the loop.

mod campaign;
mod candidate;
mod error;
mod leader;

pub use self::{error::RunError, leader::Leader};
