use super::LeaderOnlyLayer;
use crate::middleware::{
    actions::Reject,
    elections::{ShardKey, ShardSet, Sharded},
    matcher::EveryRequest,
};

impl<S: ShardSet, F> LeaderOnlyLayer<Reject, EveryRequest, Sharded<S, F>> {
    /// Creates a layer with an election for each shard. The key of a request decides on its shard, and the leader of
    /// the shard executes the request.
    pub fn sharded<Req, K>(shards: S, key: F) -> Self
    where
        F: Fn(&Req) -> K,
        K: ShardKey,
    {
        Self::of(Sharded::new(shards, key))
    }
}

impl<A, M, S, F> LeaderOnlyLayer<A, M, Sharded<S, F>> {
    /// Lets requests without a key pass: they reach the service on every node. By default they are refused.
    pub fn keyless_pass(mut self) -> Self {
        self.gate.set_keyless_pass();
        self
    }
}
