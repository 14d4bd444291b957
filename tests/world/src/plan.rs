//! The kinds of run: which faults may happen, and therefore which promises hold.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Other clients remove and overwrite the record, with and without a trace. All leases are equal.
    Removals,
    /// Every candidate has its own lease. No other client touches the record of a live leader. The server's expiry
    /// removes the records of dead leaders.
    UnequalLeases,
    /// The bucket is deleted and recreated, during all other faults. All leases are equal. Messages to the old
    /// bucket arrive at the new one. Its revisions start at the time in ms, so that none occurs twice.
    NewBucket,
    /// The server loses the stream once, during all other faults. One candidate that saw the last token reaches the
    /// server before another candidate takes the key: see `loss`.
    LostStream,
    /// Outside the assumptions: the clocks' rates differ by more than the bound.
    WildClocks,
    /// Outside the assumptions: the server loses acknowledged writes: its last, or all, or those since a backup. The wall
    /// clocks of two nodes differ by less than the time after which tokens must have grown.
    RolledBack,
    /// Outside the assumptions: the server loses its last writes in a power cut, which breaks every watch. Candidates
    /// may know that it can.
    PowerCut { lossy_store: bool },
    /// Outside the assumptions: as `NewBucket`, but revisions start at 1 again, and repeat.
    RepeatedRevisions,
    /// As `RolledBack`, but the nodes have no wall clocks. A control: tokens repeat.
    RolledBackTimeless,
}

impl Plan {
    #[must_use]
    pub fn of(seed: u64) -> Self {
        match seed % 8 {
            0..3 => Self::Removals,
            3..6 => Self::UnequalLeases,
            6 => Self::NewBucket,
            _ => Self::LostStream,
        }
    }

    pub(crate) fn has_equal_leases(self) -> bool {
        !matches!(self, Self::UnequalLeases | Self::WildClocks)
    }

    /// Whether other clients may touch the record of a live leader.
    pub(crate) fn has_removals(self) -> bool {
        matches!(
            self,
            Self::Removals | Self::NewBucket | Self::LostStream | Self::RepeatedRevisions
        )
    }

    /// G1: at no instant are two gates open.
    pub(crate) fn promises_one_gate(self) -> bool {
        !matches!(self, Self::WildClocks | Self::RepeatedRevisions) && !self.loses_writes()
    }

    /// G2: every term has a token larger than those of all earlier terms.
    pub(crate) fn promises_larger_tokens(self) -> bool {
        matches!(
            self,
            Self::Removals | Self::UnequalLeases | Self::LostStream | Self::NewBucket
        )
    }

    /// Whether the server loses writes that it acknowledged.
    pub(crate) fn loses_writes(self) -> bool {
        matches!(
            self,
            Self::RolledBack | Self::RolledBackTimeless | Self::PowerCut { .. }
        )
    }

    /// Whether the run keeps the assumptions. The other invariants are checked, and the finale is played, only then.
    pub(crate) fn is_inside(self) -> bool {
        self.promises_one_gate()
    }
}
