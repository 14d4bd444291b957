//! The protocol: which candidate may lead, and from when until when.
//!
//! The module is sans-IO: it does not await, read a clock or log. A [`Machine`] is one candidate. It takes [`Input`]s,
//! each with the time at which it was received, and returns [`Action`]s and the time of its next timeout. The same code
//! runs in the background task and in unit tests, which choose every input and its time.
//!
//! - `machine`: a candidate and its inputs; `input`, `action`: their types.
//! - `answer`: responses of the store, and their absence; `term`: how a term starts and ends.
//! - `schedule`: timeouts, and what they trigger; `send`, `request`: requests to the store.
//! - `state`: the states of a candidate, as a diagram; `status`: what others see of them.
//! - `view`: what a candidate knows of the key; `sighting`: one observation, and how long it counts.
//! - `validity`: every computation with a deadline; `settings`: the times that it is derived from.
//! - `own_writes`: the ids of this process's writes, by which it recognizes its own record.
//! - `record`: the record in the key; `leader_info`: the part of it that names the leader.

mod action;
mod answer;
mod input;
mod leader_info;
mod machine;
mod own_writes;
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
    input::{Input, Observation, Outcome, Readings},
    leader_info::LeaderInfo,
    machine::{Candidate, Machine},
    own_writes::WriteId,
    record::{Garbage, MAX_LEASE, MIN_LEASE, Record},
    settings::TimeSettings,
    status::Status,
    validity::{MIN_GUARD, Timing},
};
// What the sharded protocol shares.
pub(crate) use self::{
    own_writes::{OwnWrites, deserialize as write_id},
    record::{address, check_lease, check_tokens, parse, version},
};
