use std::time::Duration;

use super::record::{Garbage, Record};
use crate::clock::{Moment, WallTime};

/// An action for the driver to perform, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Read the key and return [`Input::Read`](super::Input::Read). Abandon an earlier request without a response.
    Read {
        /// Identifies the request in its response.
        attempt: u64,
    },
    /// Write the record if the key's last revision is `expected`, and return [`Input::Written`](super::Input::Written).
    /// Abandon an earlier request without a response.
    ///
    /// If it was not sent by [`Machine::answer_due`](super::Machine::answer_due), for example because the process was
    /// paused, do not send it: the outcome is [`Outcome::Failed`](super::Outcome::Failed).
    Write {
        /// Identifies the request in its response.
        attempt: u64,
        /// The revision to replace. 0 expects that the key has no message.
        expected: u64,
        /// The record to write.
        record: Record,
    },
    /// A term has begun. The gate stays closed until [`Action::Open`].
    Begin {
        /// The term's fencing token.
        token: u64,
        /// When the term ends, unless it is extended.
        deadline: Moment,
    },
    /// Run the warm-up and return [`Input::Warmed`](super::Input::Warmed).
    WarmUp,
    /// Open the gate.
    Open,
    /// The term was renewed.
    Extend {
        /// Its new deadline.
        deadline: Moment,
    },
    /// Close the gate, drop a running warm-up, and return [`Input::Drained`](super::Input::Drained) once every request
    /// that was ever admitted has finished.
    Close,
    /// The term has ended: close the gate if it is open, and cancel the term.
    End {
        /// Why it ended.
        why: Ended,
    },
    /// A step-down or a shutdown has completed.
    Settled(Settled),
    /// A fact to log.
    Notice(Notice),
}

/// Why a term ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It is about to be released.
    Released,
    /// Its deadline passed before a renewal was acknowledged.
    Expired,
    /// Another client wrote the key.
    Overwritten,
    /// The key or its bucket was deleted.
    Deleted,
    /// The server's sequence numbers went backwards: it lost data.
    DataLost,
    /// The bucket was recreated.
    Recreated,
}

/// How a step-down or a shutdown ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// This candidate holds no lease.
    Released,
    /// The release was not acknowledged. Other candidates wait for the lease to expire.
    LeftToExpire,
}

/// A fact to log. The protocol does not log itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The key is absent, and an unknown holder may exist.
    KeyAbsent {
        /// How long this candidate waits before it campaigns.
        wait: Duration,
    },
    /// The key does not contain a valid record.
    Garbage {
        /// The revision of the content.
        revision: u64,
        /// Why it is invalid.
        why: Garbage,
    },
    /// The server's sequence numbers went backwards.
    DataLost {
        /// The highest revision seen before.
        seen: u64,
        /// The lower revision that replaced it.
        found: u64,
    },
    /// The bucket was recreated. What was known of the old one, except its tokens, is forgotten.
    Recreated,
    /// An acquiring write was acknowledged after its deadline.
    AcquiredTooLate,
    /// The key contains a record under this candidate's nonce that this process did not write: its image runs twice.
    RunsTwice {
        /// The revision of the record.
        revision: u64,
    },
    /// The wall clock shows an implausible time, which is not used.
    WallClockOff {
        /// The time that it shows.
        shown: WallTime,
    },
}
