//! The kinds of run: which faults may happen, and so which promises hold.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Others remove and overwrite the record, with a trace and without; all leases are equal.
    Removals,
    /// Every candidate has its own lease. No other client touches the record of a live leader; the server's expiry
    /// removes those of dead ones.
    UnequalLeases,
    /// The bucket is deleted and made anew, with every other fault around it; all leases are equal. What was
    /// on its way to the old bucket never arrives, and no revision comes twice: `docs/guarantees.md` says
    /// what is not covered.
    NewBucket,
    /// Once, the server loses the stream, with every other fault around it. One candidate that saw the last
    /// token can reach the server before another takes the key: `loss` says how far that goes.
    LostStream,
    /// Outside the promise: the clocks differ by more than the bound.
    WildClocks,
    /// Outside the promise: the server loses writes that it acknowledged, and goes on from an older state.
    RolledBack,
}

impl Plan {
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

    /// Whether others may touch the record of a live leader.
    pub(crate) fn has_removals(self) -> bool {
        matches!(self, Self::Removals | Self::NewBucket | Self::LostStream)
    }

    /// G1: at no instant are two gates open.
    pub(crate) fn promises_one_gate(self) -> bool {
        !matches!(self, Self::WildClocks | Self::RolledBack)
    }

    /// G2: every term has a token larger than all before.
    pub(crate) fn promises_larger_tokens(self) -> bool {
        matches!(
            self,
            Self::Removals | Self::UnequalLeases | Self::LostStream
        )
    }

    /// Whether the rules that follow from a sound store are checked, and the finale is played.
    pub(crate) fn is_inside(self) -> bool {
        self.promises_one_gate()
    }
}
