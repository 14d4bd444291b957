//! The names of an election.
//!
//! An [`Address`] or a [`NodeId`] exists only for valid input. It is parsed at the boundary, from a builder or from the
//! shared bucket, and needs no further checks.

mod address;
mod election_name;
mod fencing_token;
mod node_id;
mod shard_id;
mod shard_key;

pub use self::{
    address::Address,
    election_name::ElectionName,
    fencing_token::{FencingToken, ParseTokenError},
    node_id::NodeId,
    shard_id::ShardId,
    shard_key::ShardKey,
};
