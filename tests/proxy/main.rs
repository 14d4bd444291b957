//! A follower as a proxy of the leader, over sockets on loopback: what it forwards, what it removes, and what happens
//! when the client, the follower or the leader disconnects.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod echo;
mod exchange;
mod failures;
mod forging;
mod giving_up;
mod grpc;
mod grpc_servers;
mod loops;
#[path = "../support/node.rs"]
#[allow(dead_code, reason = "shared with another test")]
mod node;
mod pool;
mod requests;
mod router;
mod servers;
mod shapes;
mod smuggling;
mod streaming;
mod trailers;
mod wire;
