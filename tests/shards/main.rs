//! Nodes that take part in shards.
#![allow(clippy::unwrap_used, reason = "tests")]

mod health;
mod layer;
mod lead;
mod leave;
mod pauses;
mod support;
mod work;
