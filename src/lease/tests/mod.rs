//! Tests of the protocol core: each rule by the exact list of actions that it gives.

mod absent;
mod candidate;
mod fixtures;
mod harness;
mod leader;
mod random_walk;
mod regress;
mod simulation;
mod stop;
mod suspects;
mod takeover;
mod unknown;
