//! Tests of the protocol: each rule by the exact list of actions that it returns.

mod absent;
mod arbitrary_inputs;
mod candidate;
mod copied_images;
mod copies;
mod earlier_systems;
mod fixtures;
mod harness;
mod later_versions;
mod leader;
mod observer;
mod outage;
mod regress;
mod stop;
mod stop_without_term;
mod takeover;
mod tokens;
mod unknown;
mod warm_up;
mod watches;
