//! Nodes that take part in shards.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests"
)]

mod crash;
mod failures;
mod hand_over;
mod health;
mod layer;
mod lead;
mod leave;
#[path = "../support/lines.rs"]
mod lines;
#[path = "../support/measured.rs"]
mod measured;
mod metrics;
mod pauses;
mod same_id;
mod server_stops;
mod settings;
mod support;
mod work;
