//! The stores on NATS JetStream.
//!
//! - `one_key`, `many_keys`: the store of an election, and that of sharded leadership. Each has its watch, and its needs
//!   of the bucket.
//! - `bucket`: the bucket, its settings, and whether it is fit; `consumer`: how a watch is opened.
//! - `keys`: reads and writes; `requests`: requests to a server, and what a reconnect means for them.

mod bucket;
mod consumer;
mod keys;
mod many_keys;
mod notices;
mod one_key;
mod requests;

pub use self::{
    bucket::{settings::BucketSettings, storage::Storage},
    many_keys::JetStreamShards,
    one_key::JetStream,
};
