//! Nodes that take part in shards.
#![allow(clippy::unwrap_used, reason = "tests")]

mod lead;
mod leave;
