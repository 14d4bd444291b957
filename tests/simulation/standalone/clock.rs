//! As much of the crate's clock as the protocol knows of.

#[path = "../../../src/clock/moment.rs"]
mod moment;

pub use self::moment::Moment;
