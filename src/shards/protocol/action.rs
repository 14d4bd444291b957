use std::time::Duration;

use super::{
    key::Key,
    ownership::Ownership,
    session_record::{SessionId, SessionRecord},
};
use crate::{
    clock::{Moment, WallTime},
    lease::{Garbage, Settled},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// An action for the driver to perform, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Read the key and return [`Input::Read`](super::Input::Read).
    Read {
        /// Identifies the request in its response.
        attempt: u64,
        /// The key.
        key: Key,
    },
    /// Write the record if the key's last revision is `expected`, and return
    /// [`Input::Written`](super::Input::Written).
    ///
    /// If it was not sent within the request timeout after the input that led to it, do not send it: the outcome is
    /// [`Outcome::Failed`](crate::lease::Outcome::Failed).
    Write {
        /// Identifies the request in its response.
        attempt: u64,
        /// The key.
        key: Key,
        /// The revision to replace. 0 expects that the key has no message.
        expected: u64,
        /// The record to write.
        record: Record,
    },
    /// Open a watch of the whole bucket, and keep the others.
    Watch {
        /// Its number.
        watch: u64,
        /// The sequence after which it begins.
        after: u64,
    },
    /// Close a watch.
    CloseWatch {
        /// Its number.
        watch: u64,
    },
    /// A session has begun. No shard is open.
    Begin {
        /// The session.
        session: SessionId,
        /// When it ends, unless it is extended. No gate is open from then on.
        deadline: Moment,
    },
    /// The session was renewed.
    Extend {
        /// Its new deadline.
        deadline: Moment,
    },
    /// Run the warm-up of a shard and return [`Input::Warmed`](super::Input::Warmed).
    WarmUp {
        /// The shard.
        shard: u32,
        /// The token of its term.
        token: u64,
    },
    /// Open the gate of a shard, until it is shut or the session's deadline passes.
    Open {
        /// The shard.
        shard: u32,
        /// The token of its term.
        token: u64,
    },
    /// Shut the gate of a shard for good, drop a warm-up of it, and return [`Input::Drained`](super::Input::Drained)
    /// once every request that it admitted has finished, unless its term ends before.
    Shut {
        /// The shard.
        shard: u32,
    },
    /// End the term of a shard: shut its gate if it is open, drop a warm-up of it, and stop waiting for its requests. Its
    /// record is about to be freed, or was replaced.
    EndTerm {
        /// The shard.
        shard: u32,
    },
    /// Do the same as [`Shut`](Self::Shut) for all shards, and return [`Input::Emptied`](super::Input::Emptied) once every
    /// request that was ever admitted has finished.
    ShutAll,
    /// The session has ended: shut all gates, and cancel their terms.
    End {
        /// Why it ended.
        why: Ended,
    },
    /// The node has left.
    Settled(Settled),
    /// A fact to log.
    Notice(Notice),
}

/// A record of the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Of a node.
    Session(SessionRecord),
    /// Of a shard.
    Shard(Ownership),
}

impl Record {
    /// The content of the key.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Session(record) => record.encode(),
            Self::Shard(record) => record.encode(),
        }
    }

    /// R11: when the store may remove the record. Absence is safe, and costs a lease.
    #[must_use]
    pub fn removed_after(&self) -> Option<Duration> {
        match self {
            Self::Session(SessionRecord::Dead { .. } | SessionRecord::Left) => Some(DAY),
            Self::Session(_) | Self::Shard(_) => None,
        }
    }
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The node leaves.
    Left,
    /// Its deadline passed before a renewal counted.
    Expired,
    /// A renewal was refused.
    Refused,
    /// Another record is in its key.
    Overwritten,
    /// Its key has no record.
    Deleted,
    /// The bucket's configuration is absent, or is not this node's.
    Reconfigured,
    /// The server's sequence numbers went backwards: it lost data.
    DataLost,
    /// The bucket was deleted and created again.
    Recreated,
}

/// A fact to log. The protocol does not log itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A key does not contain a valid record.
    Garbage {
        /// The key.
        key: Key,
        /// The revision of the content.
        revision: u64,
        /// Why it is invalid.
        why: Garbage,
    },
    /// A shard that this node owned was overwritten or deleted by another client.
    Overwritten {
        /// The shard.
        shard: u32,
        /// The revision of the other record, or 0 if there is none.
        revision: u64,
    },
    /// A watch did not deliver an acknowledged renewal, or left a message out, and is replaced.
    WatchReplaced {
        /// Its number.
        watch: u64,
    },
    /// The own key contains a record of this session that this process did not write: its image runs twice.
    RunsTwice {
        /// The revision of the record.
        revision: u64,
    },
    /// Another process renews a session under the id of this node, which therefore begins none.
    IdInUse {
        /// The revision of its record.
        revision: u64,
    },
    /// The wall clock shows an implausible time, which is not used.
    WallClockOff {
        /// The time that it shows.
        shown: WallTime,
    },
}
