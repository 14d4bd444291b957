use super::own_writes::WriteId;
use crate::clock::{Moment, WallTime};

/// A state of the key from a read or a watch. It is a hint: it may be stale, repeated or out of order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    pub(super) revision: u64,
    pub(super) value: Option<Vec<u8>>,
}

impl Observation {
    /// The key contains `value` at `revision`, or a deletion marker if `value` is none.
    #[must_use]
    pub const fn new(revision: u64, value: Option<Vec<u8>>) -> Self {
        Self { revision, value }
    }

    /// The store has no message for the key.
    #[must_use]
    pub const fn absent() -> Self {
        Self::new(0, None)
    }

    /// The revision of the key's last message, or 0 if the store has none.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The content of the key, or none if the key was deleted or never written.
    #[must_use]
    pub fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }
}

/// The readings that the driver takes when it receives an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readings {
    /// The monotonic clock.
    pub now: Moment,
    /// The wall clock, if there is one. Only fencing tokens contain it.
    pub wall: Option<WallTime>,
    /// A random number from the operating system, for a write that this input may cause. The driver draws it
    /// after it has read the clock: if the process image is copied in between, the deadline that the write grants still
    /// counts from before the copy.
    pub write_id: WriteId,
}

/// An event that the driver passes to the [`Machine`](super::Machine).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The machine's timeout has passed. Harmless at any other time.
    Tick,
    /// A new watch is open. Later pushes come from it.
    Watching {
        /// When the bucket of the watch was created, in any unit.
        epoch: u64,
    },
    /// A watch pushed a state of the key.
    Pushed(Observation),
    /// A read ended.
    Read {
        /// The attempt of its [`Action::Read`](super::Action::Read).
        attempt: u64,
        /// The state of the key, or none if the read failed.
        seen: Option<Observation>,
    },
    /// A write ended.
    Written {
        /// The attempt of its [`Action::Write`](super::Action::Write).
        attempt: u64,
        /// Its outcome.
        outcome: Outcome,
    },
    /// The warm-up of a term ended.
    Warmed {
        /// The term's fencing token.
        token: u64,
        /// Whether the gate may open.
        ready: bool,
    },
    /// After [`Action::Close`](super::Action::Close), every request that was ever admitted has finished.
    Drained {
        /// The fencing token of the term that was held at the close, or 0.
        token: u64,
    },
    /// A reader of the gate found a term past its deadline before the term's renewal was published.
    Expired {
        /// The term's fencing token.
        token: u64,
    },
    /// Release the lease, and let another candidate lead.
    StepDown,
    /// Release the lease and stop.
    Shutdown,
}

/// The outcome of a write. The kinds of failure are distinct because the protocol may act on a refusal, but not on an
/// unknown outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Applied, at this revision.
    Acknowledged(u64),
    /// Not applied, because the key's last revision was another one.
    Conflict,
    /// Not applied, for another reason.
    Failed,
    /// Possibly applied, or still to be applied.
    Unknown,
}
