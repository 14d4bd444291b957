//! What the fuzz targets check.
//!
//! - [`record`]: whatever bytes stand in the key, the decoder keeps its limits.
//! - [`play`]: whatever a [`Run`] says, the promises of an election hold. Nothing happens by itself: the
//!   fuzzer decides when time passes, which message arrives, and in what order.
//!
//! The protocol's sources are compiled in, rather than linked with the crate around them: they need no NATS
//! client and no runtime, and so a build for the fuzzer takes seconds.
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
