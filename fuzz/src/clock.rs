//! The part of the crate's clock that the protocol uses.

#[path = "../../src/clock/moment.rs"]
mod moment;

pub use self::moment::Moment;
