//! Every protocol in every state of the node with every follower action: over sockets, with real servers and clients,
//! and a fake clock.
//!
//! Each action has a file with its table of expectations. `derive` adds the rows that follow from others, `action` turns the
//! rows into cells, and `run` checks them. `whole` lists the actions.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod action;
mod answer;
mod cell;
mod derive;
mod desk;
mod expect;
mod fail;
mod forward;
mod front;
mod grpc;
mod grpc_client;
mod http;
#[path = "../support/layers.rs"]
mod layers;
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
mod whole;
mod wire;
