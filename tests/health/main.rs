//! The health endpoints: what they say of a node in each state, over HTTP and over gRPC, and what HAProxy makes
//! of it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "tests panic when they fail"
)]

mod grpc;
mod haproxy;
mod liveness;
#[path = "../support/node.rs"]
mod node;
mod report;
mod routes;
mod stuck;
