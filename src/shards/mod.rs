//! The protocol of sharded leadership: which node may lead which shard, and from when until when.

mod config;
mod key;
mod ownership;
mod session_record;
mod versioned;

pub use self::{
    config::{Config, Hash},
    key::Key,
    ownership::{Held, Ownership},
    session_record::{Alive, SessionId, SessionRecord},
};
