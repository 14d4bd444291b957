//! Applications with real servers and clients on loopback: what clients see while leadership moves between nodes.
//!
//! The elections run on a store in memory and on the real clock. No test sleeps: each waits for an event, within a
//! generous bound.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "tests"
)]

mod bodies;
mod browsers;
mod clients;
mod cluster;
mod composition;
mod connect_web;
mod crowd;
mod deadlines;
mod drain;
mod gone_host;
mod grpc;
mod grpc_uploads;
mod grpc_web;
mod hand_over;
mod http;
#[path = "../support/layers.rs"]
mod layers;
mod ledger;
mod load;
mod not_leader;
mod orders;
mod server;
mod sockets;
mod streams;
mod tunnels;
mod two_gates;
mod uploaders;
mod uploads;
mod warm_up;
mod websockets;
