//! Elections on real NATS servers that are killed, paused, cut off, emptied and replaced.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests panic when they fail, and bound their waiting with a plain clock"
)]

mod accounts;
mod addresses;
mod bucket;
mod candidates;
mod closed;
mod cluster;
mod credentials;
mod domain;
mod drain;
mod durability;
mod election;
mod elsewhere;
mod fenced_store;
mod first_revision;
#[path = "../support/lines.rs"]
mod lines;
mod long_names;
#[path = "../support/measured.rs"]
mod measured;
mod node;
mod panicking;
mod partition;
mod paused_work;
mod permissions;
mod process;
mod put_back;
mod reconnect;
mod refusals;
mod restart;
mod shard_log;
mod shard_metrics;
mod shard_store;
mod shards;
mod store;
mod support;
mod tls;
mod unanswered;
mod unfit;
mod upgrade;
mod versions;
mod waiting;
mod work_loop;
