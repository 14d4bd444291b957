use crate::clock::Moment;

/// Where a candidate stands.
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
/// From `Clearing`, or a lost drain, it goes on at once to where `Releasing` leads if nothing of its own is or may be
/// in the key.
///
/// There is no way from `Following`, `Clearing` or `Releasing` back to the same term: a term that was lost
/// stays lost.
#[derive(Debug)]
pub(super) enum State {
    /// Somebody else leads, or nobody. No campaign before `from`.
    Following {
        from: Moment,
    },
    /// The lease is held.
    Leading(Leading),
    /// Told to stop without a term. Requests of terms that were lost finish until `until` at the latest. The
    /// last one's record may be in the key still, or one may be on its way there: it is given back after that, so
    /// that nobody is let in early.
    Clearing {
        until: Moment,
        then: Then,
    },
    /// The gate is shut, the requests have finished, and what is or may be in the key is given back.
    Releasing {
        until: Moment,
        then: Then,
        /// Whether the key was read after a write of unknown outcome.
        checked: bool,
    },
    Stopped,
}

/// A term that this candidate holds.
#[derive(Debug)]
pub(super) struct Leading {
    pub(super) token: u64,
    pub(super) deadline: Moment,
    pub(super) renew_at: Moment,
    pub(super) renewals: u64,
    pub(super) phase: Phase,
}

/// How far a held term has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Phase {
    /// The warm-up runs; the gate has not been open yet.
    Warming,
    /// The gate is open.
    Open,
    /// The gate has shut for good; admitted requests finish until `until` at the latest.
    Draining { until: Moment, then: Then },
}

/// What comes after the lease was given back.
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
