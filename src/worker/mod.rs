//! The work loop: [`Leader`] runs a closure while this node leads.
//!
//! - `leader`: the loop; `candidate`: what it starts; `campaign`: one campaign at a time among the clones.
//! - `error`: why a loop returns.

mod campaign;
mod candidate;
mod error;
mod leader;

pub use self::{error::RunError, leader::Leader};
