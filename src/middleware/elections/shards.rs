use std::{num::NonZeroU32, time::Duration};

use super::{
    election::{Changed, Election, Guard},
    node::Node,
    sharded::ShardSet,
};
use crate::{
    names::{Address, ElectionName, ShardId},
    runtime::Runtime,
    shards::Shards,
    task::{Admission, NotLeader, Term},
};

/// The election of one shard.
#[derive(Clone, Copy, Debug)]
pub struct ShardElection<P> {
    shards: P,
    shard: ShardId,
}

impl Node for Shards {
    fn name(&self) -> &ElectionName {
        self.shared().name()
    }

    fn own_address(&self) -> Option<&Address> {
        self.shared().address()
    }

    fn runtime(&self) -> &Runtime {
        self.shared().runtime()
    }

    fn always_left(&self) -> Duration {
        self.shared().always_left()
    }
}

impl ShardSet for Shards {
    type Election<'a> = ShardElection<&'a Self>;

    fn count(&self) -> NonZeroU32 {
        self.shared().count()
    }

    #[inline]
    fn election(&self, shard: ShardId) -> Option<ShardElection<&Self>> {
        let shards = self;
        (shard.index() < shards.count()).then_some(ShardElection { shards, shard })
    }
}

impl Election for ShardElection<&Shards> {
    #[inline]
    fn admit_for(&self, min_remaining: Duration) -> Result<Admission, NotLeader> {
        self.shards.admit_for(self.shard, min_remaining)
    }

    fn not_leader(&self) -> NotLeader {
        self.shards.shared().not_leader(self.shard)
    }

    fn changed(&self) -> Changed {
        let (shared, shard) = (self.shards.shared().clone(), self.shard);
        Box::pin(async move {
            let (changes, stopped) = (shared.changes(shard), shared.stopped().is_some());
            let changed = changes.next();
            let renewed = shared.renewed();
            if stopped || shared.stopped().is_some() {
                return false;
            }
            tokio::select! {
                biased;
                () = changed => {}
                () = renewed => {}
            }
            shared.stopped().is_none()
        })
    }

    fn hold(&self) -> Guard {
        Box::new(self.shards.shared().hold())
    }

    fn owns(&self, term: &Term) -> bool {
        self.shards.shared().owns(self.shard, term)
    }

    fn boxed(&self) -> Box<dyn Election> {
        let (shards, shard) = (self.shards.clone(), self.shard);
        Box::new(ShardElection { shards, shard })
    }
}

/// For a request that is held.
impl Election for ShardElection<Shards> {
    fn admit_for(&self, min_remaining: Duration) -> Result<Admission, NotLeader> {
        self.borrowed().admit_for(min_remaining)
    }

    fn not_leader(&self) -> NotLeader {
        self.borrowed().not_leader()
    }

    fn changed(&self) -> Changed {
        self.borrowed().changed()
    }

    fn hold(&self) -> Guard {
        self.borrowed().hold()
    }

    fn owns(&self, term: &Term) -> bool {
        self.borrowed().owns(term)
    }

    fn boxed(&self) -> Box<dyn Election> {
        self.borrowed().boxed()
    }
}

impl ShardElection<Shards> {
    fn borrowed(&self) -> ShardElection<&Shards> {
        let (shards, shard) = (&self.shards, self.shard);
        ShardElection { shards, shard }
    }
}
