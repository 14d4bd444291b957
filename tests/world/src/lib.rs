//! A world in which the code of noleader runs: nodes, each with its clock, a network and a store with faults, and
//! clients. One sequence of choices decides everything in a run.
//!
//! The background task, the gate, the handle, the work loop, the layer and `fencing::Fenced` are the library's code.
//! The clocks, the executor, the network, the store and the callers are simulated.
//!
//! No process image runs twice in it, also in `shards`: the background task is a future, which cannot be copied. The
//! chaos test copies real processes, and a simulation in `src/lease/tests` copies the protocol of one election.
//!
//! - `run`: takes the next event; `world`: the state that all code shares.
//! - `executor`, `queue`, `clock`, `choices`: tasks, pending events, time, and the choices of a run.
//! - `plan`, `settings`: the kind of run and its settings.
//! - `node`, `process`, `host`, `journal`: a process, and how the world and its code reach each other.
//! - `calls`, `work`: calls of the public API; `request`, `app`, `peer`, `body`: requests through the layer.
//! - `store`, `server`, `network`, `trouble`, `hold_up`, `expiry`, `loss`: the store, the network and the faults.
//! - `finale`, `seamless`: what must hold once the faults have stopped.
//! - `fact`: the events of a run; `invariants`: what must hold in it, one file each.
//! - `storage`: the writes of admitted requests.
//! - `runner`, `tally`, `trace`, `show`: many runs, and their output.
//! - `shards`: the same for nodes that share shards.

#![allow(
    missing_docs,
    missing_debug_implementations,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test"
)]

mod app;
mod body;
mod calls;
mod choices;
mod clock;
mod executor;
mod expiry;
mod fact;
mod finale;
mod hold_up;
mod host;
mod invariants;
mod journal;
mod loss;
mod network;
mod node;
mod peer;
mod plan;
mod process;
mod queue;
mod request;
mod run;
mod runner;
mod seamless;
mod server;
mod settings;
pub mod shards;
mod show;
mod storage;
mod store;
mod tally;
mod trace;
mod trouble;
mod work;
mod world;

pub use self::{
    invariants::Violation,
    plan::Plan,
    runner::{Outcome, Source, report, run, run_all},
    storage::{StoredBy, second_writer},
    tally::Tally,
};
