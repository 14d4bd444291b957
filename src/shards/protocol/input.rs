use super::{key::Key, session_record::SessionId};
use crate::{
    lease::{Observation, Outcome},
    names::NodeId,
};

/// An event that the driver passes to the [`Machine`](super::Machine).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The machine's timeout has passed. Harmless at any other time.
    Tick,
    /// A watch is open.
    Watching {
        /// The number of the watch.
        watch: u64,
        /// When its bucket was created, in any unit.
        epoch: u64,
        /// The last sequence of the stream.
        last: u64,
    },
    /// A watch delivered a message of the bucket. The messages of a watch come in the order of the stream.
    Delivered {
        /// The number of the watch.
        watch: u64,
        /// The number of the message in the watch, from 1. A missing number is a gap.
        index: u64,
        /// The key, or none if it is none of the protocol's.
        key: Option<Key>,
        /// The state of the key. Its revision is the sequence in the stream.
        seen: Observation,
    },
    /// A watch has delivered all that was in the stream when it was opened.
    CaughtUp {
        /// The number of the watch.
        watch: u64,
        /// The number of messages that it has delivered.
        index: u64,
    },
    /// A watch has ended, or could not be opened.
    WatchEnded {
        /// The number of the watch.
        watch: u64,
    },
    /// A read ended.
    Read {
        /// The attempt of its [`Action::Read`](super::Action::Read).
        attempt: u64,
        /// The state of the key, or none if the read failed. It may be stale.
        seen: Option<Observation>,
    },
    /// A write ended.
    Written {
        /// The attempt of its [`Action::Write`](super::Action::Write).
        attempt: u64,
        /// Its outcome.
        outcome: Outcome,
    },
    /// What the placement advises for a shard.
    Wanted {
        /// The shard.
        shard: u32,
        /// The advice.
        want: Want,
    },
    /// The warm-up of a shard ended.
    Warmed {
        /// The shard.
        shard: u32,
        /// The token of its term.
        token: u64,
        /// Whether the gate may open.
        ready: bool,
    },
    /// Every request that was admitted to a shard that was shut has finished.
    Drained {
        /// The shard.
        shard: u32,
        /// The token of its term.
        token: u64,
    },
    /// A reader of a gate found the session past its deadline before its renewal was published.
    Expired {
        /// The session.
        session: SessionId,
    },
    /// Shut all shards, and end the session once nothing is inside.
    Leave,
    /// After [`Action::ShutAll`](super::Action::ShutAll), every request that was ever admitted has finished.
    Emptied,
}

/// What the placement advises for a shard. It decides nothing: two nodes that want the same shard cost a claim that is
/// refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Want {
    /// Another node is to have the shard. If this node owns it, it keeps it.
    #[default]
    Nothing,
    /// This node is to have the shard.
    Have,
    /// If this node owns the shard, it frees it.
    Give {
        /// The node that is to have it next.
        to: Option<NodeId>,
    },
}
