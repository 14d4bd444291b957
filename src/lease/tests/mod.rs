//! Tests of the protocol core: each rule by the exact list of actions that it gives.

mod candidate;
mod fixtures;
mod harness;
mod random_walk;
mod simulation;
mod suspects;
mod takeover;
