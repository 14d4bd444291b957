use std::time::Duration;

use super::record::{Garbage, Record};
use crate::clock::Moment;

/// What the driver shall do, in the order given.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Read the key and answer with [`Input::Read`](super::Input::Read). An earlier request that has
    /// not been answered is given up.
    Read {
        /// Names the request in its answer.
        attempt: u64,
    },
    /// Write the record if the key's last revision is `expected`, and answer with
    /// [`Input::Written`](super::Input::Written). An earlier request that has not been answered is
    /// given up.
    Write {
        /// Names the request in its answer.
        attempt: u64,
        /// The revision to replace; 0 expects that the key has no message.
        expected: u64,
        /// What to write.
        record: Record,
    },
    /// The term `token` has begun. The gate stays shut until [`Action::Open`].
    Begin {
        /// The term's fencing token.
        token: u64,
        /// When it ends, unless it is extended.
        deadline: Moment,
    },
    /// Run the warm-up and answer with [`Input::Warmed`](super::Input::Warmed).
    WarmUp,
    /// Open the gate.
    Open,
    /// The term was renewed.
    Extend {
        /// Its new deadline.
        deadline: Moment,
    },
    /// Shut the gate, and answer with [`Input::Drained`](super::Input::Drained) once every request has
    /// finished that it ever admitted. A warm-up that still runs is dropped.
    Close,
    /// The term is over: shut the gate if it is open, and tell those who act under it to stop.
    End {
        /// Why.
        why: Ended,
    },
    /// What `StepDown` or `Shutdown` came to.
    Settled(Settled),
    /// Something worth a log line.
    Notice(Notice),
}

/// Why a term ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was given back on purpose.
    Released,
    /// Its deadline passed before a renewal was acknowledged.
    Expired,
    /// Somebody else wrote to the key.
    Overwritten,
    /// The key was deleted, or its bucket was.
    Deleted,
    /// The server's sequence numbers went backwards: it lost data.
    DataLost,
}

/// How a step-down or a shutdown ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Nobody holds the lease on this candidate's behalf.
    Released,
    /// The release was not acknowledged; others wait until the lease has run out.
    LeftToExpire,
}

/// A line for the log. The core itself never logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The key is absent, so that an unknown holder may exist.
    KeyAbsent {
        /// How long this candidate waits before it campaigns.
        wait: Duration,
    },
    /// The key holds something that is no record.
    Garbage {
        /// Where it stands.
        revision: u64,
        /// What is wrong with it.
        why: Garbage,
    },
    /// The server's sequence numbers went backwards.
    DataLost {
        /// The highest revision seen before.
        seen: u64,
        /// The one that took its place.
        found: u64,
    },
    /// An acquiring write was acknowledged too late to be of use.
    AcquiredTooLate,
}
