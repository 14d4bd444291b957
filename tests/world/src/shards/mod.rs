//! A world of nodes that share shards. Its clocks, executor and choices are those of the world of one election.
//!
//! The background task, the gates and the handle are the library's code. So is the placement in half of the runs; in the
//! others the world moves shards more often.
//!
//! - `run`: takes the next event; `world`: the state that all code shares; `settings`: the kind of run and its settings.
//! - `node`, `process`, `journal`, `requests`: a process, and how the world and its code reach each other.
//! - `bucket`, `store`, `network`: the bucket with its watches, and the messages.
//! - `placement`: where shards are to be, if the world decides; `trouble`, `removal`, `hold_up`: the faults.
//! - `calm`, `placed`: what must hold once the faults have stopped.
//! - `fact`: the events of a run; `invariants`: what must hold in it, one file each.
//! - `runner`, `tally`, `show`: many runs, and their output.

mod bucket;
mod calm;
mod fact;
mod hold_up;
mod invariants;
mod journal;
mod network;
mod node;
mod placed;
mod placement;
mod process;
mod removal;
mod requests;
mod run;
mod runner;
mod settings;
mod show;
mod store;
mod tally;
mod trouble;
mod world;

pub use self::{
    runner::{Outcome, Violated, report, run, run_all, survey},
    settings::Plan,
    tally::Tally,
};
