//! The rules that a test can switch off, to see that the simulation then fails.

/// A rule of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// R1: a session begins over another process's only once that was unchanged for its lease.
    OldGatesShut,
    /// R1: a session does not begin over an absent key at once.
    AbsenceNotFree,
    /// R1: a session begins over an absent key only after a mark.
    AbsenceMarked,
    /// R2: a renewal counts only once the watch has delivered it.
    Barrier,
    /// R2: the lease counts from the send.
    FromSend,
    /// R2: the deadline lies a guard before the end of the lease.
    Guard,
    /// R3: a session does not outlive its deadline.
    NeverRevive,
    /// R4: a silent session is fenced before its shards are taken.
    Tombstone,
    /// R5: an absent session is no dead session.
    AbsenceNotDead,
    /// R5: an absent session is dead only after a mark, and not after a wait.
    AbsenceNotWaitedOut,
    /// R5: evidence is no older than the claim.
    EvidenceNotOlder,
    /// R5: the wait for a mark on a session.
    SessionMarkWaited,
    /// R6: the wait for a mark on a shard.
    ShardMarkWaited,
    /// R6: a gate opens by an acknowledgement, and not by a look at the record.
    OpenByAck,
    /// R6: an acknowledgement counts only under the session that sent the claim.
    AckBound,
    /// R7: a shard whose record was overwritten is shut on sight.
    OverwrittenShut,
    /// R8: a shard that was shut does not open again without a new claim.
    ShutIsFinal,
    /// R8: a shard is shut and drained before it is freed.
    ClosedBeforeFreed,
}
