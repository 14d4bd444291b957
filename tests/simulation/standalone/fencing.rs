//! What a storage does with a fencing token.

#[path = "../../../src/fencing/fenced.rs"]
mod fenced;

pub use self::fenced::{Fenced, StaleToken};
