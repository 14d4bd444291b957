//! Sharded leadership: many shards, each with its own leader, over nodes that renew one lease each.
//!
//! - `handle`: [`Shards`]; `shard`, `member`, `status`: what it shows.
//! - `shared`: what the task publishes; `gates`: the gates of all shards; `changes`: wakes the tasks that wait for one shard.
//! - `task`: the background task of a node.
//! - `protocol`: which node may lead which shard, and from when until when, without IO.
//! - `placement`: which node should lead which shard, as advice to the protocol.
//! - `due`: when to look at a shard or a node again.

mod changes;
mod due;
mod gates;
mod handle;
mod member;
mod placement;
pub mod protocol;
mod shard;
mod shared;
mod status;
mod task;

pub use self::{handle::Shards, member::Member, shard::Shard, status::ShardsStatus, task::Journal};
pub(crate) use self::{placement::PlacementSettings, shared::Shared, task::Start};
