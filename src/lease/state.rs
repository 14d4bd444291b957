use crate::clock::Moment;

/// The state of a candidate.
///
/// ```text
///                acquiring write acknowledged in time
///   Following ────────────────────────────────────────▶ Leading ─┐ warming ─▶ open ─▶ draining
///    ▲  ▲  │                                              │  │   │
///    │  │  │ step down, shut down                         │  │   │ renewal acknowledged in time
///    │  │  ▼                          lost while draining │  └───┘
///    │  │ Clearing ◀──────────────────────────────────────┤
///    │  │  │ drained, or drain timeout                    │
///    │  │  ▼                    drained, or drain timeout │
///    │  └─ Releasing ◀────────────────────────────────────┤
///    │      │                                             │ deadline passed, key overwritten or
///    │      │ shut down                                   │ deleted, server lost data
///    │      ▼                                             │
///    │     Stopped                                        │
///    └────────────────────────────────────────────────────┘
/// ```
///
/// If no record of this candidate is or may be in the key, `Releasing` is skipped.
///
/// No transition leads from `Following`, `Clearing` or `Releasing` back to the same term: a term that was lost stays
/// lost.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) enum State {
    /// Another candidate leads, or none. No campaign before `from`.
    Following {
        from: Moment,
    },
    /// The lease is held.
    Leading(Leading),
    /// Stepping down or shutting down without a term. Requests of lost terms may finish until `until`. A record of this
    /// candidate may still be in the key, or on its way there. It is released only afterwards, so that no other
    /// candidate leads while the requests are in progress.
    Clearing {
        until: Moment,
        then: Then,
    },
    /// The gate is closed, the requests have finished, and the record that is or may be in the key is released.
    Releasing {
        until: Moment,
        then: Then,
        /// Whether the key was read in this state, after a write of unknown outcome.
        checked: bool,
    },
    Stopped,
}

/// A term that this candidate holds.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Leading {
    pub(super) token: u64,
    pub(super) deadline: Moment,
    pub(super) renew_at: Moment,
    pub(super) renewals: u64,
    pub(super) phase: Phase,
}

/// The phase of a held term.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Phase {
    /// The warm-up runs, and the gate has not opened yet.
    Warming,
    /// The gate is open.
    Open,
    /// The gate has closed, and admitted requests may finish until `until`.
    Draining { until: Moment, then: Then },
}

/// What follows the release of the lease.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Then {
    CoolDown,
    Stop,
}

impl State {
    pub(super) fn leading(&self) -> Option<&Leading> {
        match self {
            Self::Leading(leading) => Some(leading),
            _ => None,
        }
    }

    pub(super) fn leading_mut(&mut self) -> Option<&mut Leading> {
        match self {
            Self::Leading(leading) => Some(leading),
            _ => None,
        }
    }
}
