//! Tests of the protocol: each rule by the exact list of actions that it returns, and a simulation of many nodes.

mod claims;
mod harness;
mod leave;
mod moves;
mod sessions;
mod silence;
mod simulation;
