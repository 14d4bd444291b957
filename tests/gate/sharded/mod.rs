//! A gate that picks the election of each request's shard. Here, each shard has its own `LeaderHandle`.

mod answers;
mod cluster;
mod disputed;
mod fail;
mod forwarding;
mod grpc;
mod holding;
mod keys;
mod loss;
mod matching;
mod nested;

pub(crate) use self::cluster::Shards;
