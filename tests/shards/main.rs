//! Nodes that take part in shards.
#![allow(clippy::unwrap_used, reason = "tests")]

mod health;
mod layer;
mod lead;
mod leave;
#[path = "../support/measured.rs"]
mod measured;
mod metrics;
mod pauses;
mod support;
mod work;
