//! The handle and its task, on a store in memory and a fake clock.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests panic when they fail"
)]

mod election;
mod hand_over;
#[path = "../support/lines.rs"]
mod lines;
mod logged;
#[path = "../support/measured.rs"]
mod measured;
mod metrics;
mod panicking;
mod runtime;
mod stop;
mod stores;
mod support;
mod waiting;
mod warm_up;
mod work_loop;
