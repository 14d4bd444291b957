//! Nodes that take part in shards.
#![allow(clippy::unwrap_used, reason = "tests")]

mod health;
mod lead;
mod support;
mod work;
