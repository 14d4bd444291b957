//! The decisions of the fuzzer.

use arbitrary::Arbitrary;

/// A whole run.
#[derive(Arbitrary, Debug)]
pub struct Run {
    /// What may happen.
    pub plan: Plan,
    /// Two nodes.
    pub two: [Setup; 2],
    /// An optional third node.
    pub third: Option<Setup>,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// The kinds of run: what may happen, and so which promises hold.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq)]
pub enum Plan {
    /// Other clients remove and overwrite the record, with and without a marker. All leases are equal.
    Removals,
    /// Every candidate has its own lease, and may trust an absent key. No other client touches the record of a live
    /// leader. If no candidate trusts an absent key, the server may remove the record of a dead leader.
    UnequalLeases,
    /// As with removals, and once the bucket is deleted and created again. Messages to the old bucket never arrive.
    /// Tokens may restart.
    NewBucket,
    /// As with removals, and once the server loses the stream. From then on there are no other faults, so that a
    /// surviving candidate that saw the last token can write it.
    LostStream,
    /// The server loses data, and other clients forge records. Everything is promised except one gate, growing tokens
    /// and a leader in the end.
    Lawless,
}

impl Plan {
    pub(crate) fn promises_one_gate(self) -> bool {
        self != Self::Lawless
    }

    pub(crate) fn promises_larger_tokens(self) -> bool {
        !matches!(self, Self::NewBucket | Self::Lawless)
    }

    /// With trust in an absent key, G1 holds only if no other client removes the record.
    pub(crate) fn may_trust_absent_key(self) -> bool {
        matches!(self, Self::UnequalLeases | Self::Lawless)
    }
}

/// One node.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Setup {
    /// The seed of its jitter.
    pub seed: u8,
    /// The first time on its clock.
    pub offset: u32,
    /// How much faster than the slowest clock its clock runs.
    pub rate: u8,
    /// Its lease, if leases are unequal.
    pub lease: u8,
    /// Flags: whether it warms up, only observes, or trusts an absent key.
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

/// One step. Indices are taken modulo the number of items.
#[derive(Arbitrary, Debug)]
pub enum Step {
    /// Time passes without any other event.
    Pass(u16),
    /// Time passes until the node's timeout, and it wakes.
    Wake(u8),
    /// This many requests, responses and wake-ups happen in order, without delay.
    Smooth(u8),
    /// The same for one node, while the others are paused and cut off.
    Alone(u8, u8),
    /// The server handles a request. A read returns a state that is stale by this many states.
    Serve {
        /// Which request.
        request: u8,
        /// How stale.
        stale: u8,
        /// Whether it arrives a second time.
        again: bool,
    },
    /// A request never arrives.
    LoseRequest(u8),
    /// A message reaches its node.
    Deliver {
        /// Which message.
        letter: u8,
        /// Whether it arrives a second time.
        again: bool,
    },
    /// A message never reaches its node.
    LoseLetter(u8),
    /// A request arrives late by this many milliseconds.
    HoldUpRequest(u8, u16),
    /// A message to a node arrives late.
    HoldUpLetter {
        /// Which message.
        letter: u8,
        /// The delay in milliseconds.
        millis: u16,
        /// Whether it also arrives at once.
        again: bool,
    },
    /// A request fails; a write with a definite or an unknown outcome.
    Fail(u8, bool),
    /// The warm-up of the node fails.
    FailWarmUp(u8),
    /// A reader of the node's gate finds the deadline passed.
    Expire(u8),
    /// The node admits a request, if its gate is open.
    Admit(u8),
    /// An admitted request finishes.
    Leave(u8, u8),
    /// The node is asked to step down.
    StepDown(u8),
    /// The node is asked to shut down.
    Shutdown(u8),
    /// The process dies, and a new one starts.
    Restart(u8),
    /// The node's clock changes its rate.
    Rate(u8, u8),
    /// Another client writes, or the server loses data.
    Interfere(Foreign),
}

/// An action of another client on the key.
#[derive(Arbitrary, Debug)]
pub enum Foreign {
    /// Writes bytes that are not a record.
    Garbage,
    /// Deletes the key, which leaves a marker.
    Delete,
    /// Removes the key without a marker.
    Remove,
    /// Writes a record of another candidate.
    Held,
    /// Writes arbitrary bytes.
    Bytes(Vec<u8>),
    /// Releases the lease of a live leader.
    Release,
    /// The server loses the stream, and its sequence restarts. Happens once, except in [`Plan::Lawless`].
    LoseData,
}
