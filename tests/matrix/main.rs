//! Every protocol in every state of the node with every follower action: over sockets, with real servers and clients,
//! and a fake clock.
//!
//! Each action has a file with its table of expectations. `cell` turns the tables into cells, and `run` checks them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod answer;
mod cell;
mod desk;
mod expect;
mod fail;
mod forward;
mod front;
mod grpc;
mod grpc_client;
mod http;
mod leader;
#[path = "../support/node.rs"]
#[allow(dead_code, reason = "shared with the tests of the gate")]
mod node;
mod nodes;
mod not_ready;
mod order;
mod redirect;
mod reject;
mod reject_with;
mod run;
mod scene;
mod wait_then_forward;
mod wait_then_redirect;
mod wait_then_reject;
mod whole;
mod wire;
