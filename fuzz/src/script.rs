//! What the fuzzer decides.

use arbitrary::Arbitrary;

/// A whole run.
#[derive(Arbitrary, Debug)]
pub struct Run {
    /// What the nodes are promised.
    pub plan: Plan,
    /// Two nodes.
    pub two: [Setup; 2],
    /// And a third one, or not.
    pub third: Option<Setup>,
    /// What happens, in this order.
    pub steps: Vec<Step>,
}

/// What may happen in a run. What is promised depends on it.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq)]
pub enum Plan {
    /// Others remove and overwrite the record, with a trace and without; all leases are equal.
    Removals,
    /// Every candidate has its own lease, and may trust an absent key. Nobody else touches the record of a
    /// leader that lives; where nobody trusts, the server may remove that of a dead one.
    UnequalLeases,
    /// As with removals, and once the bucket is deleted and made anew: what was on its way to the old one
    /// never arrives. Tokens may begin anew with it.
    NewBucket,
    /// As with removals, and once the server loses the stream. From then on nothing else goes wrong, so that
    /// a candidate that saw the last token, and lives, can tell it to the others.
    LostStream,
    /// The server loses data, and others forge records. One gate, growing tokens and a leader in the end are
    /// not promised, everything else is.
    Lawless,
}

impl Plan {
    pub(crate) fn promises_one_gate(self) -> bool {
        self != Self::Lawless
    }

    pub(crate) fn promises_larger_tokens(self) -> bool {
        !matches!(self, Self::NewBucket | Self::Lawless)
    }

    /// One gate is promised to those who trust only if nobody removes the record.
    pub(crate) fn may_trust_absent_key(self) -> bool {
        matches!(self, Self::UnequalLeases | Self::Lawless)
    }
}

/// One node.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Setup {
    /// Of its jitter.
    pub seed: u8,
    /// What its clock shows at first.
    pub offset: u32,
    /// How much faster than the slowest its clock may run.
    pub rate: u8,
    /// Which of the leases it has, where they are unequal.
    pub lease: u8,
    /// Whether it warms up before its gate opens, only watches, trusts an absent key.
    pub is: u8,
}

impl Setup {
    pub(crate) fn warms_up(self) -> bool {
        self.is & 1 != 0
    }

    pub(crate) fn is_observer(self) -> bool {
        self.is & 6 == 6
    }

    pub(crate) fn trusts_absent_key(self) -> bool {
        self.is & 8 != 0
    }
}

/// What happens next. Numbers are taken modulo what there is.
#[derive(Arbitrary, Debug)]
pub enum Step {
    /// Time passes, and nobody acts.
    Pass(u16),
    /// Time passes until the node wants to be woken, and it wakes.
    Wake(u8),
    /// So many requests, answers and wake-ups happen in their order, and fast.
    Smooth(u8),
    /// The same for one node, while the others are paused and cut off.
    Alone(u8, u8),
    /// The server takes up a request. The answer to a read is stale by so many states.
    Serve {
        /// Which request.
        request: u8,
        /// How stale.
        stale: u8,
        /// It stays on its way, and arrives again.
        again: bool,
    },
    /// A request never arrives.
    LoseRequest(u8),
    /// A message reaches its node.
    Deliver {
        /// Which message.
        letter: u8,
        /// It stays on its way, and arrives again.
        again: bool,
    },
    /// A message never reaches its node.
    LoseLetter(u8),
    /// A request arrives late, by so many milliseconds.
    HoldUpRequest(u8, u16),
    /// So does a message to a node.
    HoldUpLetter {
        /// Which message.
        letter: u8,
        /// By how many.
        millis: u16,
        /// It arrives at once as well.
        again: bool,
    },
    /// A request of the node fails where it is; if it is a write, with a definite or an unknown outcome.
    Fail(u8, bool),
    /// The warm-up of the node fails.
    FailWarmUp(u8),
    /// A reader of the node's gate finds the deadline passed.
    Expire(u8),
    /// The node lets a request in, if its gate is open.
    Admit(u8),
    /// A request inside the node finishes.
    Leave(u8, u8),
    /// The node is asked for its lease.
    StepDown(u8),
    /// The node is asked to stop.
    Shutdown(u8),
    /// The process dies, and a new one starts.
    Restart(u8),
    /// The node's clock changes its rate.
    Rate(u8, u8),
    /// Somebody else writes.
    Interfere(Foreign),
}

/// What others do to the key.
#[derive(Arbitrary, Debug)]
pub enum Foreign {
    /// They write something that is no record.
    Garbage,
    /// They delete it, which leaves a marker.
    Delete,
    /// They remove it without a trace.
    Remove,
    /// They write a record of a candidate that is not here.
    Held,
    /// They write whatever they like.
    Bytes(Vec<u8>),
    /// They release the lease of a leader that lives.
    Release,
    /// The server loses the stream, and counts from the start again. Once, unless no law holds.
    LoseData,
}
