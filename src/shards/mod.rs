//! Sharded leadership: many shards, each with a leader of its own, over nodes that renew one lease each.
//!
//! - `protocol`: which node may lead which shard, and from when until when, without IO.

mod protocol;

pub use self::protocol::*;
