//! As much of the crate as the simulation knows: the protocol's sources are compiled in, rather than linked with
//! the crate around them.

pub mod clock;
#[allow(dead_code, reason = "the crate around the protocol uses the rest")]
#[path = "../../../src/error.rs"]
mod error;
pub mod fencing;
#[path = "../../../src/lease/mod.rs"]
pub mod lease;
#[allow(dead_code, reason = "the crate around the protocol uses the rest")]
#[path = "../../../src/names/mod.rs"]
pub mod names;

pub use self::names::FencingToken;
