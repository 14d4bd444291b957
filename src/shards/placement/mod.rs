//! The placement of shards: which node should have which shard, as advice to the protocol.
//!
//! Each node computes the same *home* for each shard from the nodes that it sees alive and the owners: the owner, unless
//! that has too many shards. A node claims a shard without an owner if it is the shard's home, or after the nodes before
//! it in the shard's order had time to claim it. Only the owner of a shard gives it away, to its home, a few shards at
//! a time. So nodes whose views differ for a moment cost a refused claim or a needless move, and never two gates.
//!
//! Like the protocol, the module is sans-IO: it does not await, read a clock or log. An [`Advisor`] is the placement of
//! one node.
//!
//! - `rendezvous`: how near a node is to a shard; `quotas`: how many shards each node gets; `assignment`: the homes.
//! - `advisor`: the advice of one node; `claims`, `moves`: when it claims a shard, and when it gives one away;
//!   `borrowed`: a shard that its home did not claim.
//! - `live_nodes`: the nodes that are alive; `shard`: what is known of a shard; `settings`: the time settings.
//! - `fence_rank`: the order in which nodes fence a silent one.
//!
//! The homes are part of what nodes of different versions must agree on: a change of `rendezvous`, `quotas` or
//! `assignment` makes such nodes move shards to and fro.

mod advisor;
mod assignment;
mod borrowed;
mod claims;
mod fence_rank;
mod live_nodes;
mod moves;
mod quotas;
mod rendezvous;
mod settings;
mod shard;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    advisor::{Advice, Advisor},
    fence_rank::fence_rank,
    live_nodes::LiveNode,
    settings::PlacementSettings,
    shard::Owner,
};
