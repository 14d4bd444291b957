use std::{any::type_name, fmt, num::NonZeroU32, time::Duration};

use http::Extensions;

use super::{
    election::Election,
    node::Node,
    pick::{Elections, Pick, Picked},
};
use crate::{
    middleware::terms::terms,
    names::{Address, ElectionName, ShardId, ShardKey},
    runtime::Runtime,
    task::Term,
};

/// The shards of a node, each with its own election.
///
/// Its methods are not part of the public API.
pub trait ShardSet: Node + Clone + Send + Sync + 'static {
    #[doc(hidden)]
    type Election<'a>: Election
    where
        Self: 'a;

    /// The number of shards.
    #[doc(hidden)]
    fn count(&self) -> NonZeroU32;

    /// The election of a shard, or none if there is no such shard.
    #[doc(hidden)]
    fn election(&self, shard: ShardId) -> Option<Self::Election<'_>>;

    /// The shard and the term under which a gate of these shards has admitted a request with these extensions.
    #[doc(hidden)]
    fn term_in(&self, extensions: &Extensions) -> Option<(ShardId, Term)> {
        terms(extensions).find_map(|(shard, term)| {
            let is_own = self.election(shard?)?.owns(term);
            is_own.then(|| shard.map(|shard| (shard, term.clone())))?
        })
    }
}

/// The elections of a gate that [`LeaderOnlyLayer::sharded`](crate::LeaderOnlyLayer::sharded) creates: the shards `S`, and
/// the closure `F` that finds the key of a request.
#[derive(Clone)]
pub struct Sharded<S, F> {
    shards: S,
    key: F,
    keyless_pass: bool,
}

impl<S, F> Sharded<S, F> {
    pub(in crate::middleware) fn new(shards: S, key: F) -> Self {
        Self {
            shards,
            key,
            keyless_pass: false,
        }
    }

    pub(in crate::middleware) fn set_keyless_pass(&mut self) {
        self.keyless_pass = true;
    }
}

impl<S: Node, F> Node for Sharded<S, F> {
    fn name(&self) -> &ElectionName {
        self.shards.name()
    }

    fn own_address(&self) -> Option<&Address> {
        self.shards.own_address()
    }

    fn runtime(&self) -> &Runtime {
        self.shards.runtime()
    }

    fn always_left(&self) -> Duration {
        self.shards.always_left()
    }
}

impl<S, F, K, Req> Elections<Req> for Sharded<S, F>
where
    S: ShardSet,
    F: Fn(&Req) -> K,
    K: ShardKey,
{
    type Election<'a>
        = S::Election<'a>
    where
        Self: 'a;
    type Which = ShardId;

    #[inline]
    fn pick(&self, request: &Req) -> Pick<S::Election<'_>, ShardId> {
        let Some(shard) = (self.key)(request).shard(self.shards.count()) else {
            let passes = self.keyless_pass;
            return Pick::Keyless { passes };
        };
        match self.shards.election(shard) {
            Some(election) => Pick::Election(Picked::new(election, shard)),
            // The id of a shard of another set.
            None => Pick::Keyless { passes: false },
        }
    }
}

impl<S, F> fmt::Debug for Sharded<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sharded")
            .field("key", &type_name::<F>())
            .field("keyless_pass", &self.keyless_pass)
            .finish_non_exhaustive()
    }
}
