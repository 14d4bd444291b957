//! Tests of the protocol: each rule by the exact list of actions that it returns, and a simulation of many nodes.

mod simulation;
