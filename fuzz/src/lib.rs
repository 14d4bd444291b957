//! The checks of the fuzz targets.
//!
//! - [`record`]: the decoder keeps its limits for any bytes in the key.
//! - [`play`]: the promises of an election hold in any [`Run`]. The fuzzer decides when time passes, and which message
//!   arrives next.
//!
//! The sources of the protocol are compiled in, instead of linking the whole crate. They need no NATS client and no
//! runtime, so a build for the fuzzer takes seconds.
#![forbid(unsafe_code)]

#[allow(dead_code, reason = "the crate around the protocol uses the rest")]
#[path = "../../src/error.rs"]
mod error;
#[path = "../../src/lease/mod.rs"]
pub mod lease;
#[allow(dead_code, reason = "the crate around the protocol uses the rest")]
#[path = "../../src/names/mod.rs"]
pub mod names;

mod act;
mod answers;
pub mod clock;
mod drain;
mod ends;
mod finale;
mod gate;
mod grants;
mod interfere;
mod late;
mod node;
pub mod record;
mod register;
mod run;
mod script;
mod world;

pub use self::{
    run::play,
    script::{Foreign, Plan, Run, Setup, Step},
};
