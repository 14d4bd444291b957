//! The part of the crate that the simulation uses. The sources of the protocol are compiled in, instead of linking
//! the whole crate.

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
