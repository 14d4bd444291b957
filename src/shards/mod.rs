//! Sharded leadership: many shards, each with a leader of its own, over nodes that renew one lease each.
//!
//! - `protocol`: which node may lead which shard, and from when until when, without IO.
//! - `placement`: which node should lead which shard, as advice to the protocol.

mod placement;
mod protocol;

pub use self::{placement::*, protocol::*};
