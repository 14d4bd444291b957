//! The names that an election is made of. An [`Address`] and a [`NodeId`] can only be made from good input: it is
//! parsed where it comes in, from a builder or out of the shared bucket, and needs no further checks.

mod address;
mod election_name;
mod fencing_token;
mod node_id;

pub use self::{
    address::Address,
    election_name::ElectionName,
    fencing_token::{FencingToken, ParseTokenError},
    node_id::NodeId,
};
