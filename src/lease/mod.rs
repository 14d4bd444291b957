//! The protocol: who may lead, from when and until when.
//!
//! Everything here is sans-IO: nothing awaits, reads a clock or logs. A [`Machine`] is one candidate. It
//! is fed [`Input`]s, each with the time at which it was received, and answers with [`Action`]s and with
//! the time at which it wants to be woken. The same code runs under the task in a service, under a
//! simulator, and in unit tests.
//!
//! - `machine`: a candidate, and where its inputs go: to `answer` (of the store) and `term` (how one begins
//!   and ends).
//! - `schedule`: what is done by itself, and when; `request`: what is asked of the store.
//! - `state`: the states of a candidate; `view`: what it knows of the key; `sighting`: one look
//!   at it, and how long it counts.
//! - `validity`: every computation with a deadline.
//! - `record`: what stands in the key.

mod action;
mod answer;
mod input;
mod leader_info;
mod machine;
mod record;
mod request;
mod schedule;
mod send;
mod settings;
mod sighting;
mod state;
mod status;
mod term;
#[cfg(test)]
mod tests;
mod validity;
mod view;

pub use self::{
    action::{Action, Ended, Notice, Settled},
    input::{Input, Observation, Outcome},
    leader_info::LeaderInfo,
    machine::{Candidate, Machine},
    record::{Garbage, MAX_LEASE, MIN_LEASE, Record},
    settings::TimeSettings,
    status::Status,
    validity::{MIN_GUARD, Timing},
};
