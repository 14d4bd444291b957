//! The public API: its call sites compile as documented, and each method returns what it promises.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![allow(
    dead_code,
    reason = "the nodes are shared with tests that use more of them"
)]

mod admission;
mod answers;
mod call_sites;
#[path = "../support/node.rs"]
mod node;
mod status;
mod store;
mod term;
mod work_loop;
