//! A simulation of the machines alone: nodes, a store with ordered watches, and faults. Everything follows from a seed.
//!
//! - `world`: time and events; `network`: the messages between nodes and store; `process`: one node.
//! - `store`: the bucket and its watches; `trouble`: faults.
//! - `checks`: what must hold at every instant; `calm`: what must hold once the faults have stopped.
//! - `runs`: many seeds, with all rules and without one.

mod calm;
mod checks;
mod network;
mod process;
mod runs;
mod store;
mod trouble;
mod world;
