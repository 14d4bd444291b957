//! The check of a fencing token in a storage.

#[path = "../../../src/fencing/fenced.rs"]
mod fenced;

pub use self::fenced::{Fenced, StaleToken};
