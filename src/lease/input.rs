/// What a read or a watch showed of the key. A hint: it may be stale, repeated or out of order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    pub(super) revision: u64,
    pub(super) value: Option<Vec<u8>>,
}

impl Observation {
    /// The key holds `value` at `revision`. `None` means that it was deleted, with a marker at `revision`.
    #[must_use]
    pub const fn new(revision: u64, value: Option<Vec<u8>>) -> Self {
        Self { revision, value }
    }

    /// The store has no message of the key at all.
    #[must_use]
    pub const fn absent() -> Self {
        Self::new(0, None)
    }

    /// The revision of the key's last message, or 0 if the store has none.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The bytes in the key, unless it does not exist or was deleted.
    #[must_use]
    pub fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }
}

/// Something that happened, told to the [`Machine`](super::Machine) by its driver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The time that the machine had asked to be woken at has come. Harmless at any other time.
    Tick,
    /// A watch pushed a state of the key.
    Pushed(Observation),
    /// The read `attempt` was answered. `None`: it failed.
    Read {
        /// The attempt that [`Action::Read`](super::Action::Read) named.
        attempt: u64,
        /// What the key holds; none if the read failed.
        seen: Option<Observation>,
    },
    /// The write `attempt` ended.
    Written {
        /// The attempt that [`Action::Write`](super::Action::Write) named.
        attempt: u64,
        /// How it ended.
        outcome: Outcome,
    },
    /// The warm-up of the term `token` ended, well or not.
    Warmed {
        /// The term's fencing token.
        token: u64,
        /// Whether the gate may open.
        ready: bool,
    },
    /// Every request that was ever admitted has finished, after [`Action::Close`](super::Action::Close).
    Drained {
        /// The fencing token of the term that was held then; 0 if none was.
        token: u64,
    },
    /// A reader of the gate found the term `token` past its deadline before its renewal was published.
    Expired {
        /// The term's fencing token.
        token: u64,
    },
    /// Give the lease to somebody else.
    StepDown,
    /// Give the lease back and stop.
    Shutdown,
}

/// How a write ended. The three kinds of failure are kept apart because they allow different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Applied, at this revision.
    Acknowledged(u64),
    /// Not applied: the key's last revision was another one.
    Conflict,
    /// Not applied, for another reason.
    Failed,
    /// Perhaps applied, now or later.
    Unknown,
}
