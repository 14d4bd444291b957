//! As much of the crate as the simulation knows: the protocol's sources are compiled in, rather than linked with
//! the crate around them.

pub mod clock;
pub mod fencing;
#[path = "../../../src/lease/mod.rs"]
pub mod lease;
