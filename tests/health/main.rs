//! The health endpoints: their responses in each state of a node, over HTTP and gRPC, and behind HAProxy.

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
