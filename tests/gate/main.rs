//! The layer without IO: readiness, admission and rejection, and how it combines with tower, axum and tonic. No network
//! but loopback, and a fake clock.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod answers;
mod calls;
mod cancel_on_loss;
mod documented;
mod drain;
mod extractor;
mod forged_token;
mod forward;
mod grpc;
mod grpc_timeout;
mod grpc_web;
#[path = "../support/lines.rs"]
mod lines;
mod matching;
mod min_remaining;
mod nesting;
#[path = "../support/node.rs"]
mod node;
mod not_cut_off;
mod readiness;
mod redirect;
mod reject_with;
mod reveal;
mod sent_again;
mod sharded;
mod stacks;
mod two_elections;
mod wait_up_to;
