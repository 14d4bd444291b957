//! The election that decides about a request: that of a [`LeaderHandle`](crate::LeaderHandle), or of one of many shards.
//!
//! - `node`: what a gate needs of its node; `election`: what it needs of one election; `leader`: both of a
//!   `LeaderHandle`.
//! - `pick`: picks the election of a request; `sharded`: picks it by a key.

mod election;
mod leader;
mod node;
mod pick;
mod sharded;
mod shards;

pub(super) use self::pick::HeldPick;
pub use self::{
    election::{Changed, Election, Guard},
    node::Node,
    pick::{Elections, Pick, Picked, Which},
    sharded::{ShardSet, Sharded},
};
