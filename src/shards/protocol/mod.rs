//! The protocol of sharded leadership: which node may lead which shard, and from when until when.
//!
//! Each node holds one *session*, a lease that it renews. A shard's owner is written in a record that names the session
//! and is not renewed. A silent session is *fenced* with a tombstone before its shards are taken.
//!
//! Like [`lease`](crate::lease), the module is sans-IO: it does not await, read a clock or log. A [`Machine`] is one
//! node. It takes [`Input`]s, each with the time at which it was received, and returns [`Action`]s and the time of its
//! next timeout. Which shards a node should have is advice from outside: [`Want`].
//!
//! - `machine`: a node and its inputs; `input`, `action`: their types; `node`: its settings.
//! - `session`: the session of this node; `begin`, `renew`, `leave`: how it begins, is renewed, and ends on purpose;
//!   `barrier`: which of its renewals count.
//! - `fence`: silent sessions of others; `peers`: what is known of all sessions, and when one is dead.
//! - `claim`: the next step with a shard; `term`: how its term starts and ends; `shard`: its state.
//! - `watching`, `watches`: the ordered watch of the bucket; `sightings`: what is seen of a key.
//! - `answer`, `requests`: requests to the store; `schedule`: timeouts.
//! - `key`, `config`, `session_record`, `ownership`, `versioned`: the keys and their records.
//! - `view`: what is known of shards and nodes.

mod action;
mod answer;
mod barrier;
mod begin;
mod claim;
mod config;
mod fence;
mod input;
mod key;
mod leave;
mod machine;
mod node;
mod ownership;
mod peers;
mod renew;
mod requests;
mod schedule;
mod session;
mod session_record;
mod shard;
mod sightings;
mod term;
#[cfg(test)]
mod tests;
mod versioned;
mod view;
mod watches;
mod watching;

pub use self::{
    action::{Action, Ended, Notice, Record},
    config::{Config, Hash},
    input::{Input, Want},
    key::Key,
    machine::Machine,
    node::{MIN_SESSION_LEASE, Node},
    ownership::{Held, Ownership},
    session_record::{Alive, SessionId, SessionRecord},
    view::{Holder, Member, ShardView, Stage},
};
